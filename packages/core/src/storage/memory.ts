import { slabAllocator } from "../crypto/bytes.ts"
import type { Address, ListedRecord, StorageAdapter, StorageLimits, StoredRecord, Write } from "../ports/storage.ts"
import { takePage } from "../ports/take-page.ts"
import { StorageError, validateCall, validateCommit, validateList, validateRead } from "../ports/validate-commit.ts"
import { SortedKeys } from "./sorted-keys.ts"

interface Collection {
  readonly records: Map<string, StoredRecord>
  /** Made by the first list: most collections are never listed. */
  leaves: SortedKeys | undefined
}

const limits: StorageLimits = { recordBytes: 16 << 20, commitRecords: 100_000, commitBytes: 64 << 20 }

// Not `bytes.slice()`: on a Buffer that is a view of the caller's bytes.
const keep = ({ revision, bytes }: StoredRecord): StoredRecord => ({ revision, bytes: new Uint8Array(bytes) })

const allocate = slabAllocator()

/** What is handed out is seldom held for long, so that it may share its memory with others. */
const lend = ({ revision, bytes }: StoredRecord): StoredRecord => {
  const lent = allocate(bytes.length)
  lent.set(bytes)
  return { revision, bytes: lent }
}

/**
 * A store that lives and dies with this object: for tests and for trying out.
 *
 * No method awaits anything, so each runs to its end before another starts: that is what makes commits atomic and reads
 * snapshots.
 */
export const memoryStorage = (): StorageAdapter => {
  /** By partition and name. One level a part: joined keys would have to be joined and hashed at every access. */
  const partitions = new Map<string, Map<string, Collection>>()
  let closed = false

  const requireOpen = (): void => {
    if (closed) throw new StorageError("CLOSED", "the storage is closed")
  }

  const collectionAt = (partition: string, name: string): Collection | undefined => partitions.get(partition)?.get(name)

  const makeCollection = (partition: string, name: string): Collection => {
    let collections = partitions.get(partition)
    if (collections === undefined) {
      collections = new Map()
      partitions.set(partition, collections)
    }
    const made = { records: new Map(), leaves: undefined }
    collections.set(name, made)
    return made
  }

  const find = (partition: string, { collection, leaf }: Address): StoredRecord | undefined =>
    collectionAt(partition, collection)?.records.get(leaf)

  function* listed(partition: string, name: string, after: string | undefined): Generator<ListedRecord> {
    const found = collectionAt(partition, name)
    if (found === undefined) return
    found.leaves ??= SortedKeys.of(found.records.keys())
    for (const leaf of found.leaves.after(after)) {
      const record = found.records.get(leaf)
      if (record !== undefined) yield { leaf, record: lend(record) }
    }
  }

  const put = (partition: string, { collection, leaf, record }: Write): void => {
    const target = collectionAt(partition, collection) ?? makeCollection(partition, collection)
    if (record === undefined) {
      target.records.delete(leaf)
      target.leaves?.delete(leaf)
    } else {
      if (target.leaves !== undefined && !target.records.has(leaf)) target.leaves.add(leaf)
      target.records.set(leaf, record)
    }
  }

  return {
    limits,
    capabilities: { durable: false, shared: false, exceptions: [] },

    async read(partition, addresses, options) {
      requireOpen()
      validateCall(options)
      validateRead(partition, addresses)
      return addresses.map((address) => {
        const record = find(partition, address)
        return record && lend(record)
      })
    },

    async list(partition, collection, options) {
      requireOpen()
      validateCall(options)
      validateList(partition, collection, options)
      return takePage(listed(partition, collection, options.after), options)
    },

    async commit(partition, commit, options) {
      requireOpen()
      validateCall(options)
      validateCommit(partition, commit, limits)
      const failed = commit.checks.filter((check) => find(partition, check)?.revision !== check.revision)
      if (failed.length > 0) {
        return { status: "conflict", addresses: failed.map(({ collection, leaf }) => ({ collection, leaf })) }
      }
      // All copies before the first change: the one step that can fail, for want of memory, comes first.
      const writes = commit.writes.map(({ collection, leaf, record }) => ({
        collection,
        leaf,
        record: record && keep(record),
      }))
      for (const write of writes) put(partition, write)
      return { status: "committed" }
    },

    async close() {
      closed = true
      partitions.clear()
    },
  }
}
