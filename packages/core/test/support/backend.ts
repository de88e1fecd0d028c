import type { StorageAdapter } from "../../src/ports/storage.ts"
import { memoryStorage } from "../../src/storage/memory.ts"

/** A store that several clients can open. */
export interface TestStore {
  /** A new client. Closing it leaves the store and its other clients as they are. */
  open(): StorageAdapter
  dispose(): Promise<void>
}

/** What the property suites run on. */
export interface Backend {
  readonly name: string
  readonly make: () => TestStore
  /** Runs of a property here, as a share of those on memory. */
  readonly share: number
}

export const memory: Backend = {
  name: "memory",
  share: 1,
  make: () => {
    const storage = memoryStorage()
    return {
      open: () => ({
        limits: storage.limits,
        capabilities: storage.capabilities,
        read: (partition, addresses, options) => storage.read(partition, addresses, options),
        list: (partition, collection, options) => storage.list(partition, collection, options),
        commit: (partition, commit, options) => storage.commit(partition, commit, options),
        close: async () => {},
      }),
      dispose: () => storage.close(),
    }
  },
}
