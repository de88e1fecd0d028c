import { spawnSync } from "node:child_process"
import type { TestContext } from "vitest"

/** Skips, in print, where there is no curl; fails where CI promises that there is. */
export const requireCurl = (context: TestContext): void => {
  if (spawnSync("curl", ["--version"]).status === 0) return
  const { CI } = process.env
  if (CI === "true") throw new Error("curl is missing")
  context.skip("curl is missing")
}
