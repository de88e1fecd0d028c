import type { Address, StoredRecord } from "@strongroom/core"
import { Binary, type Collection, type Document, type Filter, type ObjectId } from "mongodb"

/** One record. Addresses are fields, so that an operator can count and find by partition (a workspace) and collection. */
export interface RecordDocument extends Document {
  readonly partition: string
  readonly collection: string
  readonly leaf: string
  readonly revision: string
  readonly bytes: Binary
  /** Set anew by every commit that only checks this record: what is not changed is not locked. */
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

export const recordOf = ({ revision, bytes }: RecordDocument): StoredRecord => ({
  revision,
  bytes: new Uint8Array(bytes.value()),
})

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
