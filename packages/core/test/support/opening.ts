import type { StorageAdapter } from "../../src/ports/storage.ts"

/** A storage that is still being opened, for suites that open clients without waiting: each call waits. Declares what `like` does. */
export const whileOpening = (like: StorageAdapter, opening: Promise<StorageAdapter>): StorageAdapter => ({
  limits: like.limits,
  capabilities: like.capabilities,
  read: async (...args) => (await opening).read(...args),
  list: async (...args) => (await opening).list(...args),
  commit: async (...args) => (await opening).commit(...args),
  close: async () => (await opening).close(),
})
