import { join } from "node:path"
import {
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
import { PartitionLog } from "./partition-log.ts"

const limits: StorageLimits = { recordBytes: 1 << 20, commitRecords: 4_000, commitBytes: 8 << 20 }

// The caller may reuse what it hands in and change what it gets: nothing is shared. Not `slice()`, on a Buffer a view.
const copy = (record: StoredRecord): StoredRecord => ({ ...record, bytes: new Uint8Array(record.bytes) })

/** Turns what the file system throws into the port's errors. */
const failed =
  (code: "UNAVAILABLE" | "UNKNOWN_OUTCOME", what: string) =>
  (cause: unknown): never => {
    throw new StorageError(code, what, { cause })
  }

/**
 * A store in a directory of plain files on a local disk, for any number of processes of one machine. Every commit stays
 * on the disk as a file and every record in memory, so this is an example and a store for small things.
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
    const turn = entry.last.then(() => use(entry.log))
    entry.last = turn.catch(() => undefined)
    return turn
  }

  const requireOpen = (): void => {
    if (closed) throw new StorageError("CLOSED", "the storage is closed")
  }

  return {
    limits,
    capabilities: { durable: true, shared: true, exceptions: [] },

    async read(partition, addresses, options) {
      requireOpen()
      validateCall(options)
      validateRead(partition, addresses)
      return inTurn(partition, async (log) => {
        await log.catchUp().catch(failed("UNAVAILABLE", "the partition cannot be read"))
        return addresses.map((address) => {
          const record = log.find(address)
          return record && copy(record)
        })
      })
    },

    async list(partition, collection, options) {
      requireOpen()
      validateCall(options)
      validateList(partition, collection, options)
      return inTurn(partition, async (log) => {
        await log.catchUp().catch(failed("UNAVAILABLE", "the partition cannot be read"))
        const { records, more } = takePage(log.list(collection, options.after), options)
        return { records: records.map(({ leaf, record }) => ({ leaf, record: copy(record) })), more }
      })
    },

    async commit(partition, commit, options) {
      requireOpen()
      validateCall(options)
      validateCommit(partition, commit, limits)
      const checks = commit.checks.map(({ collection, leaf, revision }) => ({ collection, leaf, revision }))
      const writes = commit.writes.map(({ collection, leaf, record }) => ({
        collection,
        leaf,
        record: record && copy(record),
      }))
      return inTurn(partition, async (log): Promise<CommitResult> => {
        await log.catchUp().catch(failed("UNAVAILABLE", "the partition cannot be read"))
        const staged = await log.stage(writes).catch(failed("UNAVAILABLE", "the commit cannot be written"))
        try {
          for (;;) {
            const addresses = checks
              .filter((check) => log.find(check)?.revision !== check.revision)
              .map(({ collection, leaf }) => ({ collection, leaf }))
            if (addresses.length > 0) return { status: "conflict", addresses }
            if (await log.append(staged, writes)) return { status: "committed" }
            await log.catchUp()
          }
        } catch (cause) {
          return failed("UNKNOWN_OUTCOME", "whether the commit is part of the log is not known")(cause)
        } finally {
          await log.discard(staged).catch(() => undefined)
        }
      })
    },

    async close() {
      closed = true
      await Promise.all([...partitions.values()].map(({ last }) => last))
    },
  }
}
