import { type Address, StorageError, type StoredRecord } from "@strongroom/core"
import { Binary, type Collection, type Document, type Filter, type ObjectId } from "mongodb"

/** One record. Addresses are fields, so that an operator can count and find by partition (a workspace) and collection. */
export interface RecordDocument extends Document {
  readonly partition: string
  readonly collection: string
  readonly leaf: string
  readonly revision: string
  readonly bytes: Binary
  /** Set anew by every commit that only checks this record or replaces it: what is not changed is not locked. */
  readonly lock?: ObjectId
}

export type Records = Collection<RecordDocument>

/** "/" is outside the alphabet, so distinct addresses have distinct keys. */
export const keyOf = ({ collection, leaf }: Address): string => `${collection}/${leaf}`

export const documentOf = (
  partition: string,
  { collection, leaf }: Address,
  { revision, bytes }: StoredRecord,
): RecordDocument => ({ partition, collection, leaf, revision, bytes: new Binary(bytes) })

/** A copy: the document's bytes are a slice of what came over the socket. */
export const recordOf = (document: RecordDocument): StoredRecord => {
  const { revision, bytes } = document
  // By name: the caller's client may come from another copy of the driver, whose classes are not ours.
  if (typeof revision !== "string" || bytes?._bsontype !== "Binary") {
    throw new StorageError("FATAL", `what MongoDB holds at ${keyOf(document)} is no record`)
  }
  return { revision, bytes: new Uint8Array(bytes.value()) }
}

/** All of the addresses in one query. The partition stands outside, so that a sharded cluster asks one shard only. */
export const filterOf = (partition: string, addresses: readonly Address[]): Filter<RecordDocument> => {
  const leaves = new Map<string, Set<string>>()
  for (const { collection, leaf } of addresses) {
    const found = leaves.get(collection)
    if (found === undefined) leaves.set(collection, new Set([leaf]))
    else found.add(leaf)
  }
  return { partition, $or: [...leaves].map(([collection, names]) => ({ collection, leaf: { $in: [...names] } })) }
}
