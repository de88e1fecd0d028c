import { memoryStorage, type StorageAdapter, type StorageErrorCode } from "@strongroom/core"

export interface Watch {
  reads: number
  /** Commits that changed something. */
  committed: number
  /** Faults that took place. */
  faults: number
  failReads: boolean
  failCommits: StorageErrorCode | undefined
  /** Flip a bit of every record of these collections as it is read. */
  tamper: RegExp | undefined
}

/** Memory storage that counts, and fails on demand. */
export const watchedStorage = () => {
  const inner = memoryStorage()
  const watch: Watch = {
    reads: 0,
    committed: 0,
    faults: 0,
    failReads: false,
    failCommits: undefined,
    tamper: undefined,
  }

  const fail = (code: StorageErrorCode): never => {
    watch.faults += 1
    throw Object.assign(new Error("injected"), { code })
  }
  const storage: StorageAdapter = {
    limits: inner.limits,
    capabilities: inner.capabilities,
    read: async (partition, addresses, options) => {
      watch.reads += 1
      if (watch.failReads) fail("UNAVAILABLE")
      const records = await inner.read(partition, addresses, options)
      return records.map((record, index) => {
        if (record === undefined || !watch.tamper?.test(addresses[index]?.collection ?? "")) return record
        watch.faults += 1
        return { ...record, bytes: record.bytes.map((byte, at) => (at === record.bytes.length - 1 ? byte ^ 1 : byte)) }
      })
    },
    list: async (...call) => (watch.failReads ? fail("UNAVAILABLE") : inner.list(...call)),
    commit: async (...call) => {
      if (watch.failCommits) fail(watch.failCommits)
      const result = await inner.commit(...call)
      if (result.status === "committed") watch.committed += 1
      return result
    },
    close: () => inner.close(),
  }
  return { storage, watch }
}
