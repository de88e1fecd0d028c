import {
  type CommitResult,
  type StorageAdapter,
  StorageError,
  type StorageLimits,
  takePage,
  validateCall,
  validateCommit,
  validateList,
  validateRead,
} from "@strongroom/core"
import { decodeRecord, encodeRecord, keyOf, keyPrefix, keysEnd, revisionOf } from "./encoding.ts"
import { Environment } from "./environment.ts"

export interface LmdbOptions {
  /** A directory of its own on a local disk; made, with mode 0700, if it does not exist. */
  readonly path: string
}

// Far below what LMDB can hold: checks and puts run on the event loop, about 10 µs a record.
const limits: StorageLimits = { recordBytes: 8 << 20, commitRecords: 10_000, commitBytes: 32 << 20 }

/** The leaf page, a share of the pages above it and of splits, and pages of its own if the record is large. */
const pagesOf = (value: Buffer | undefined): number => 3 + ((value?.length ?? 0) >> 12)

/**
 * Opens an LMDB environment. Durable: a commit has been synced when it resolves. Any number of processes of one machine
 * may use a directory at the same time. Throws `StorageError` if the directory cannot be used.
 */
export const lmdbStorage = ({ path }: LmdbOptions): StorageAdapter => {
  const environment = Environment.open(path)
  const underWay = new Set<Promise<CommitResult>>()
  let closed = false

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
      return environment.read((db) =>
        addresses.map((address) => {
          const value = db.get(keyOf(partition, address))
          return value && decodeRecord(value)
        }),
      )
    },

    async list(partition, collection, options) {
      requireOpen()
      validateCall(options)
      validateList(partition, collection, options)
      const prefix = keyPrefix(partition, collection)
      const range = {
        start: options.after === undefined ? prefix : `${prefix}${options.after}\0`,
        end: keysEnd(partition, collection),
      }
      return environment.read((db) => {
        // Begins the transaction, or throws: a range over one that could not begin is empty, without a word.
        db.getBinaryFast(prefix)
        const found = db
          .getRange(range)
          .map(({ key, value }) => ({ leaf: key.slice(prefix.length), record: decodeRecord(value) }))
        return takePage(found, options)
      })
    },

    async commit(partition, commit, options) {
      requireOpen()
      validateCall(options)
      validateCommit(partition, commit, limits)
      // Taken now: the caller may reuse what it handed in.
      const checks = commit.checks.map(({ collection, leaf, revision }) => ({
        key: keyOf(partition, { collection, leaf }),
        at: { collection, leaf },
        revision,
      }))
      const writes = commit.writes.map((write) => ({
        key: keyOf(partition, write),
        value: write.record && encodeRecord(write.record),
      }))
      const sent = environment.write<CommitResult>(
        writes.reduce((pages, { value }) => pages + pagesOf(value), 0),
        (db) => {
          const addresses = checks
            .filter(({ key, revision }) => {
              const value = db.getBinaryFast(key)
              return (value && revisionOf(value)) !== revision
            })
            .map(({ at }) => at)
          if (addresses.length > 0) return { status: "conflict", addresses }
          for (const { key, value } of writes) {
            if (value === undefined) db.remove(key)
            else db.put(key, value)
          }
          return { status: "committed" }
        },
        options?.signal,
      )
      underWay.add(sent)
      try {
        return await sent
      } finally {
        underWay.delete(sent)
      }
    },

    async close() {
      if (closed) return
      closed = true
      await Promise.allSettled(underWay)
      await environment.close()
    },
  }
}
