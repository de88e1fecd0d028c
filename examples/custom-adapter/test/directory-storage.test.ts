import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPeer, testStorageAdapter } from "@strongroom/adapter-testkit"
import * as vitest from "vitest"
import { directoryStorage } from "../src/directory-storage.ts"

testStorageAdapter(vitest, {
  name: "directory of files",
  async make() {
    const path = await mkdtemp(join(tmpdir(), "strongroom-directory-"))
    return {
      storage: directoryStorage(path),
      second: async () => directoryStorage(path),
      reopen: async () => directoryStorage(path),
      peer: () => startPeer(new URL("peer.ts", import.meta.url), path),
      async peek() {
        const entries = await readdir(path, { recursive: true, withFileTypes: true })
        const files = entries.filter((entry) => entry.isFile())
        return Promise.all(files.map((file) => readFile(join(file.parentPath, file.name))))
      },
      dispose: () => rm(path, { recursive: true }),
    }
  },
})
