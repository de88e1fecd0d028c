import type { StorageAdapter, StoredRecord } from "@strongroom/core"
import { type CipherCall, cipherCallsOf } from "./cipher-calls.ts"

/** A record that was written: where, and how many bytes. */
export interface Written {
  readonly partition: string
  readonly collection: string
  readonly leaf: string
  readonly length: number
}

/** What an operation asks of the cipher and of the storage. */
export interface Work {
  readonly calls: readonly CipherCall[]
  readonly written: readonly Written[]
  /** The lengths in bytes of the records that it got. */
  readonly got: readonly number[]
}

/** An adapter that tells what operations do through it, one at a time. */
export const watch = (storage: StorageAdapter) => {
  let [written, got]: [Written[], number[]] = [[], []]
  const see = (records: readonly (StoredRecord | undefined)[]) => {
    for (const record of records) if (record !== undefined) got.push(record.bytes.length)
  }
  const watched: StorageAdapter = {
    ...storage,
    async read(...given) {
      const records = await storage.read(...given)
      see(records)
      return records
    },
    async list(...given) {
      const page = await storage.list(...given)
      see(page.records.map(({ record }) => record))
      return page
    },
    commit(...given) {
      const [partition, { writes }] = given
      for (const { collection, leaf, record } of writes) {
        if (record !== undefined) written.push({ partition, collection, leaf, length: record.bytes.length })
      }
      return storage.commit(...given)
    },
  }
  const during = async (operation: () => Promise<unknown>): Promise<Work> => {
    ;[written, got] = [[], []]
    const calls = await cipherCallsOf(operation)
    return { calls, written, got }
  }
  return { watched, during }
}
