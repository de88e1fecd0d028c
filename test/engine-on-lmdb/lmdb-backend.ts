import { accessSync, constants, mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import type { StorageAdapter } from "@strongroom/core"
import type { Backend } from "../../packages/core/test/support/backend.ts"

/** Memory where there is some to be had as a file system: what is tested here is not the disk, and a sync is free. */
const directory = (): string => {
  try {
    accessSync("/dev/shm", constants.W_OK)
    return "/dev/shm"
  } catch {
    return tmpdir()
  }
}

export const lmdb: Backend = {
  name: "LMDB",
  share: 0.3,
  make: () => {
    const path = mkdtempSync(join(directory(), "strongroom-engine-"))
    const clients: StorageAdapter[] = []
    return {
      open: () => {
        const client = lmdbStorage({ path })
        clients.push(client)
        return client
      },
      dispose: async () => {
        for (const client of clients) await client.close()
        await rm(path, { recursive: true })
      },
    }
  },
}
