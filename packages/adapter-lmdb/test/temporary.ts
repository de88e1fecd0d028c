import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"

/** An empty directory for the test that runs. */
export const temporaryDirectory = (): string => {
  const path = mkdtempSync(join(tmpdir(), "strongroom-lmdb-"))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
