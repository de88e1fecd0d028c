import { join } from "node:path"
import {
  type CallOptions,
  type CommitResult,
  type StorageAdapter,
  StorageError,
  type StorageLimits,
  type StoredRecord,
  takePage,
  validateCall,
  validateCommit,
  validateList,
  validateRead,
} from "@strongroom/core"
import { encode, PartitionLog } from "./partition-log.ts"

const limits: StorageLimits = { recordBytes: 1 << 20, commitRecords: 4_000, commitBytes: 8 << 20 }

// The caller may change what it gets. Not `slice()`, on a Buffer a view.
const copy = (record: StoredRecord): StoredRecord => ({ ...record, bytes: new Uint8Array(record.bytes) })

/**
 * A store in a directory of plain files on a local disk, for any number of processes of one machine. The directory
 * must exist. Every commit stays on the disk as a file and every record in memory: an example, and a store for small things.
 */
export const directoryStorage = (path: string): StorageAdapter => {
  const partitions = new Map<string, { log: PartitionLog; last: Promise<unknown> }>()
  let closed = false

  /** Calls of one partition follow one another, each on a state that is up to date: that makes them serializable. */
  const inTurn = <A>(partition: string, use: (log: PartitionLog) => Promise<A>): Promise<A> => {
    // "." and ".." are valid partitions.
    const entry = partitions.get(partition) ?? {
      log: new PartitionLog(join(path, `p-${partition}`)),
      last: Promise.resolve(),
    }
    partitions.set(partition, entry)
    const turn = entry.last.then(() => entry.log.catchUp()).then(() => use(entry.log))
    entry.last = turn.catch(() => undefined)
    return turn
  }

  const begin = (options: CallOptions | undefined): void => {
    if (closed) throw new StorageError("CLOSED", "the storage is closed")
    validateCall(options)
  }

  return {
    limits,
    capabilities: { durable: true, shared: true, exceptions: [] },

    async read(partition, addresses, options) {
      begin(options)
      validateRead(partition, addresses)
      return inTurn(partition, async (log) => {
        return addresses.map((address) => {
          const record = log.find(address)
          return record && copy(record)
        })
      })
    },

    async list(partition, collection, options) {
      begin(options)
      validateList(partition, collection, options)
      return inTurn(partition, async (log) => {
        const { records, more } = takePage(log.list(collection, options.after), options)
        return { records: records.map(({ leaf, record }) => ({ leaf, record: copy(record) })), more }
      })
    },

    async commit(partition, commit, options) {
      begin(options)
      validateCommit(partition, commit, limits)
      // What the caller does with its arrays and bytes from here on changes nothing.
      const content = encode(commit.writes)
      const checks = structuredClone(commit.checks)
      return inTurn(partition, async (log): Promise<CommitResult> => {
        for (;;) {
          const failed = checks.filter((check) => log.find(check)?.revision !== check.revision)
          if (failed.length > 0) {
            return { status: "conflict", addresses: failed.map(({ collection, leaf }) => ({ collection, leaf })) }
          }
          if (await log.append(content)) return { status: "committed" }
          await log.catchUp()
        }
      })
    },

    async close() {
      closed = true
      await Promise.all([...partitions.values()].map(({ last }) => last))
    },
  }
}
