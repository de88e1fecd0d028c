import type { Address, Commit, CommitResult, StoredRecord } from "@strongroom/core"
import { type AnyBulkWriteOperation, ObjectId } from "mongodb"
import { documentOf, keyOf, type RecordDocument } from "./documents.ts"

export interface PlannedBatch {
  /** What becomes of each commit, in order, if the transaction commits. */
  readonly results: readonly CommitResult[]
  readonly operations: readonly AnyBulkWriteOperation<RecordDocument>[]
}

interface Touched {
  readonly address: Address
  /** In the snapshot; `undefined` is absence. */
  readonly before: string | undefined
  revision: string | undefined
  record: StoredRecord | undefined
  written: boolean
}

/**
 * Decides a batch of commits one after the other over the revisions of one snapshot (by `keyOf`), and folds those that
 * may apply into one change per record. Every record that one of them touches is changed, so that two transactions that
 * touch the same one conflict: under snapshot isolation anything less lets both succeed.
 */
export const planBatch = (
  partition: string,
  batch: readonly Commit[],
  revisions: ReadonlyMap<string, string>,
): PlannedBatch => {
  const touched = new Map<string, Touched>()
  const revisionAt = (address: Address): string | undefined => {
    const key = keyOf(address)
    const entry = touched.get(key)
    return entry === undefined ? revisions.get(key) : entry.revision
  }
  const touch = (address: Address): Touched => {
    const key = keyOf(address)
    const before = revisions.get(key)
    const entry = touched.get(key) ?? { address, before, revision: before, record: undefined, written: false }
    touched.set(key, entry)
    return entry
  }

  const results = batch.map(({ checks, writes }): CommitResult => {
    const failed = checks.filter((check) => revisionAt(check) !== check.revision)
    if (failed.length > 0) {
      return { status: "conflict", addresses: failed.map(({ collection, leaf }) => ({ collection, leaf })) }
    }
    for (const check of checks) touch(check)
    for (const write of writes) {
      Object.assign(touch(write), { revision: write.record?.revision, record: write.record, written: true })
    }
    return { status: "committed" }
  })

  // The driver sends neighbours of one kind as one command.
  const operations = [...touched.values()].flatMap((entry) => operationsFor(partition, entry))
  return { results, operations: operations.sort((a, b) => kindOf(a) - kindOf(b)) }
}

/**
 * Inserts first: a deletion may be of what this batch inserts. Last what others contend for, keysets and guards, so that
 * it is held for the shortest time.
 */
const kindOf = (operation: AnyBulkWriteOperation<RecordDocument>): number =>
  "insertOne" in operation ? 0 : "deleteOne" in operation ? 1 : 2

const operationsFor = (
  partition: string,
  { address: { collection, leaf }, before, record, written }: Touched,
): AnyBulkWriteOperation<RecordDocument>[] => {
  const address = { partition, collection, leaf }
  const filter = { ...address, revision: before ?? "" }
  if (record !== undefined) {
    const document = documentOf(partition, address, record)
    if (before === undefined) return [{ insertOne: { document } }]
    // With a lock of its own it is a change also where the same record is there already.
    return [{ replaceOne: { filter, replacement: { ...document, lock: new ObjectId() } } }]
  }
  if (before !== undefined) {
    return written
      ? [{ deleteOne: { filter } }]
      : [{ updateOne: { filter, update: { $set: { lock: new ObjectId() } } } }]
  }
  // Absent before and after, yet somebody relies on it: only a write can meet a concurrent insert.
  const held = {
    ...address,
    revision: "",
    bytes: documentOf(partition, address, { revision: "", bytes: new Uint8Array() }).bytes,
  }
  return [{ insertOne: { document: held } }, { deleteOne: { filter: { ...address, revision: "" } } }]
}
