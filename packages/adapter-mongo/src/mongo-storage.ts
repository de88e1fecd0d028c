import {
  type StorageAdapter,
  StorageError,
  type StorageLimits,
  validateCall,
  validateCommit,
  validateList,
  validateRead,
} from "@strongroom/core"
import { Batches } from "./batches.ts"
import { connect } from "./connect.ts"
import type { RecordDocument } from "./documents.ts"
import { notApplied } from "./errors.ts"
import type { MongoOptions } from "./options.ts"
import { listRecords, readRecords } from "./reads.ts"
import { checkCollection, checkServer, checkSnapshots, ensureIndex, ensureSharded } from "./server-check.ts"
import { runBatch } from "./transaction.ts"

// A document ends at 16 MiB; a transaction ought to be done within a second.
const limits: StorageLimits = { recordBytes: 8 << 20, commitRecords: 4_000, commitBytes: 16 << 20 }

const exceptions = [
  "For some seconds around an election a read may be answered from before: by the old primary until it steps down, or by the new one before it knows what the old one acknowledged.",
  "In a sharded cluster a read, and the conflict that a commit is told, through one mongos may miss for a moment what was acknowledged through another.",
]

/**
 * Storage in one collection of MongoDB 5.0 or later, in a replica set or a sharded cluster. Rejects with a `StorageError`:
 * `FATAL` for a server that cannot do it (a standalone one, one too old, a look-alike), `UNAVAILABLE` for one not reached.
 */
export const mongoStorage = async (options: MongoOptions): Promise<StorageAdapter> => {
  const { collection = "strongroom", maxTimeMS = 30_000, logger } = options
  if (!Number.isInteger(maxTimeMS) || maxTimeMS < 1) {
    throw new StorageError("FATAL", "maxTimeMS must be an integer of at least 1")
  }
  const { db, end } = connect(options)
  const records = db.collection<RecordDocument>(collection, {
    readPreference: "primary",
    readConcern: { level: "snapshot" },
    writeConcern: { w: "majority", journal: true },
    // The caller's client may have others; what is read here relies on these.
    raw: false,
    promoteBuffers: false,
    promoteLongs: true,
    promoteValues: true,
    useBigInt64: false,
  })
  try {
    const { sharded } = await checkServer(db)
    await checkCollection(db, records)
    await ensureIndex(records)
    await checkSnapshots(db, records)
    if (sharded) await ensureSharded(db, records, logger)
  } catch (error) {
    await end()
    throw notApplied(error)
  }

  const target = { client: db.client, records, maxTimeMS }
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
    } finally {
      reads.delete(read)
    }
  }

  const batchesOf = (partition: string): Batches => {
    const run = runBatch.bind(undefined, target, partition)
    const batches = partitions.get(partition) ?? new Batches(limits, run, () => partitions.delete(partition))
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
      return reading(readRecords(records, maxTimeMS, partition, addresses))
    },

    async list(partition, collection, listOptions) {
      requireOpen()
      validateCall(listOptions)
      validateList(partition, collection, listOptions)
      return reading(listRecords(records, maxTimeMS, partition, collection, listOptions))
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
      return batchesOf(partition).add(taken, callOptions?.signal)
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
