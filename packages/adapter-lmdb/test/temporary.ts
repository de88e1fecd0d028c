import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"

/** An empty directory; who asks removes it. */
export const makeDirectory = (): string => mkdtempSync(join(tmpdir(), "strongroom-lmdb-"))
export const removeDirectory = (path: string): void => rmSync(path, { recursive: true, force: true })

/** An empty directory for the test that runs. */
export const temporaryDirectory = (): string => {
  const path = makeDirectory()
  onTestFinished(() => removeDirectory(path))
  return path
}
