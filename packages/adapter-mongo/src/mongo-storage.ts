import {
  type ListedRecord,
  type ListOptions,
  type Logger,
  type Page,
  type StorageAdapter,
  StorageError,
  type StorageLimits,
  takePage,
  validateCall,
  validateCommit,
  validateList,
  validateRead,
} from "@strongroom/core"
import { type Db, type FindCursor, MongoClient } from "mongodb"
import { Batches } from "./batches.ts"
import { filterOf, keyOf, type RecordDocument, recordOf } from "./documents.ts"
import { notApplied } from "./errors.ts"
import { checkServer, ensureIndex, ensureSharded } from "./server-check.ts"
import { runBatch } from "./transaction.ts"

interface Common {
  /** The MongoDB collection that holds all records. Default: `strongroom`. */
  readonly collection?: string
  /** Told when a collection cannot be sharded. Default: nobody. */
  readonly logger?: Logger
}

/** Exactly one of `uri`, `client` and `db`. */
export type MongoOptions = Common &
  (
    | {
        /** A connection that the adapter opens, and closes in `close()`. */
        readonly uri: string
        /** Default: the one that the URI names, or `strongroom`. */
        readonly database?: string
      }
    | {
        /** Stays open after `close()`. */
        readonly client: MongoClient
        /** Default: `strongroom`. */
        readonly database?: string
      }
    | {
        /** Its client stays open after `close()`. */
        readonly db: Db
      }
  )

// A document ends at 16 MiB; a transaction ought to be done within a second.
const limits: StorageLimits = { recordBytes: 8 << 20, commitRecords: 4_000, commitBytes: 16 << 20 }

const exceptions = [
  "A primary that has lost its majority may answer reads from before for some seconds, until it steps down; commits it cannot acknowledge.",
  "In a sharded cluster a read through one mongos may miss for a moment what another mongos has just acknowledged.",
]

const connect = async (options: MongoOptions): Promise<{ readonly db: Db; readonly end: () => Promise<void> }> => {
  if ("db" in options) return { db: options.db, end: async () => {} }
  if ("client" in options) return { db: options.client.db(options.database ?? "strongroom"), end: async () => {} }
  const client = new MongoClient(options.uri)
  const named = /^[^?]*\/\/[^/?]*\/([^?]+)/u.exec(options.uri) !== null
  const db = client.db(options.database ?? (named ? undefined : "strongroom"))
  return { db, end: () => client.close() }
}

/** Reads no further than it must to know where the page ends. */
const takeDocuments = async (documents: FindCursor<RecordDocument>, options: ListOptions): Promise<Page> => {
  const found: ListedRecord[] = []
  let bytes = 0
  for await (const document of documents) {
    const record = recordOf(document)
    found.push({ leaf: document.leaf, record })
    bytes += record.bytes.length
    if (bytes > options.maxBytes && found.length > 1) break
  }
  return takePage(found, options)
}

/**
 * Storage in one collection of MongoDB 5.0 or later, in a replica set or a sharded cluster. Rejects with a `StorageError`:
 * `FATAL` for a server that cannot do it (a standalone one, one too old, a look-alike), `UNAVAILABLE` for one not reached.
 */
export const mongoStorage = async (options: MongoOptions): Promise<StorageAdapter> => {
  const { db, end } = await connect(options)
  const records = db.collection<RecordDocument>(options.collection ?? "strongroom", {
    readPreference: "primary",
    readConcern: { level: "snapshot" },
    writeConcern: { w: "majority" },
    // The caller's client may have others; what is read below relies on these.
    promoteBuffers: false,
    promoteValues: true,
    raw: false,
  })
  try {
    const { sharded } = await checkServer(db)
    await ensureIndex(records)
    if (sharded) await ensureSharded(db, records, options.logger)
  } catch (error) {
    await end()
    throw notApplied(error)
  }

  const partitions = new Map<string, Batches>()
  const reads = new Set<Promise<unknown>>()
  let closed: Promise<void> | undefined

  const requireOpen = (): void => {
    if (closed !== undefined) throw new StorageError("CLOSED", "the storage is closed")
  }

  const reading = async <A>(read: Promise<A>): Promise<A> => {
    reads.add(read)
    try {
      return await read
    } catch (error) {
      throw notApplied(error)
    } finally {
      reads.delete(read)
    }
  }

  const batchesOf = (partition: string): Batches => {
    const batches =
      partitions.get(partition) ?? new Batches(limits, (batch) => runBatch(db.client, records, partition, batch))
    partitions.set(partition, batches)
    return batches
  }

  return {
    limits,
    capabilities: { durable: true, shared: true, exceptions },

    async read(partition, addresses, callOptions) {
      requireOpen()
      validateCall(callOptions)
      validateRead(partition, addresses)
      if (addresses.length === 0) return []
      const documents = await reading(records.find(filterOf(partition, addresses)).toArray())
      const found = new Map(documents.map((document) => [keyOf(document), document]))
      return addresses.map((address) => {
        const document = found.get(keyOf(address))
        return document && recordOf(document)
      })
    },

    async list(partition, collection, listOptions) {
      requireOpen()
      validateCall(listOptions)
      validateList(partition, collection, listOptions)
      const { after, limit } = listOptions
      const filter = { partition, collection, ...(after !== undefined && { leaf: { $gt: after } }) }
      const documents = records
        .find(filter)
        .sort({ leaf: 1 })
        .limit(limit + 1)
      return reading(takeDocuments(documents, listOptions))
    },

    async commit(partition, commit, callOptions) {
      requireOpen()
      validateCall(callOptions)
      validateCommit(partition, commit, limits)
      // Taken now: the caller may reuse what it handed in.
      const taken = {
        checks: commit.checks.map((check) => ({ ...check })),
        writes: commit.writes.map((write) => ({
          ...write,
          record: write.record && { revision: write.record.revision, bytes: new Uint8Array(write.record.bytes) },
        })),
      }
      const batches = batchesOf(partition)
      try {
        return await batches.add(taken, callOptions?.signal)
      } finally {
        if (batches.idle) partitions.delete(partition)
      }
    },

    close() {
      closed ??= (async () => {
        await Promise.allSettled([...[...partitions.values()].map((batches) => batches.settled()), ...reads])
        await end()
      })()
      return closed
    },
  }
}
