import { Redacted } from "effect"
import { erase } from "../crypto/bytes.ts"
import type { DataKeys } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"
import { utf8 } from "../domain/text.ts"
import type { Cipher } from "../ports/cipher.ts"
import type { Address, Check, StorageLimits, StoredRecord, Write } from "../ports/storage.ts"
import type { KeysetBody } from "../records/keyset.ts"
import { layout, type Ref } from "../records/layout.ts"
import { type Body, longestRecord, nonceLength, sealedLength, sealRecord } from "../records/sealed-record.ts"
import type { AuditEvent } from "./audit-chain.ts"

/** What an operation has decided to write, before it is sealed. */

export interface PlannedWrite extends Address {
  /** The revision that is replaced, or `undefined` for a record that must not be there yet. */
  readonly expected: string | undefined
  /** `undefined` deletes. */
  readonly content:
    | {
        /** JSON, or its UTF-8 when somebody else has had to know the exact bytes. */
        readonly metadata: object | Uint8Array
        readonly value: Redacted.Redacted<string> | Uint8Array | undefined
        /** Absent: the metadata keys. */
        readonly keys: DataKeys | undefined
      }
    | undefined
}

/** The outcome of a decision: everything to check and write in one commit, and what the caller gets when it applies. */
export interface Plan<A> {
  readonly writes: readonly PlannedWrite[]
  /** Records that must still be as they were read, without being written. */
  readonly unchanged?: readonly Check[]
  readonly audit: AuditEvent
  readonly result: A
}

export const put = <A extends object>(
  { collection, leaf }: Ref<A>,
  expected: string | undefined,
  metadata: A,
  sealed: { readonly value?: Redacted.Redacted<string> | Uint8Array; readonly keys?: DataKeys } = {},
): PlannedWrite => ({
  collection,
  leaf,
  expected,
  content: { metadata, value: sealed.value, keys: sealed.keys },
})

export const remove = ({ collection, leaf }: Address, expected: string | undefined): PlannedWrite => ({
  collection,
  leaf,
  expected,
  content: undefined,
})

const none = new Uint8Array(0)

const bodyOf = ({ metadata, value }: NonNullable<PlannedWrite["content"]>): Body => ({
  metadata: metadata instanceof Uint8Array ? metadata : utf8(JSON.stringify(metadata)),
  value: Redacted.isRedacted(value) ? utf8(Redacted.value(value)) : (value ?? none),
})

export interface Sealer {
  readonly cipher: Cipher
  readonly random: (length: number) => Uint8Array
  readonly limits: StorageLimits
  readonly partition: string
  readonly metadataKeys: DataKeys
}

const tooMuch = (what: string, needed: number, limit: number): StrongroomError =>
  new StrongroomError("LIMIT_EXCEEDED", `${what}: ${needed} needed, ${limit} is this storage's limit`, {
    needed,
    limit,
  })

const count = (limits: StorageLimits, bodies: readonly (Body | undefined)[], checks: number): void => {
  const recordBytes = Math.min(limits.recordBytes, longestRecord)
  let total = 0
  for (const body of bodies) {
    const size = body === undefined ? 0 : sealedLength(body)
    if (size > recordBytes) throw tooMuch("bytes in one record", size, recordBytes)
    total += size
  }
  if (checks > limits.commitRecords) throw tooMuch("records in one commit", checks, limits.commitRecords)
  if (total > limits.commitBytes) throw tooMuch("bytes in one commit", total, limits.commitBytes)
}

const sealBody = (sealer: Sealer, revision: string, { collection, leaf }: Address, body: Body, keys: DataKeys) => {
  const place = { partition: sealer.partition, collection, leaf, revision }
  return { revision, bytes: sealRecord(sealer.cipher, keys.current, sealer.random(nonceLength), place, body) }
}

/** One record without a value, sealed by the metadata keys. */
export const sealMetadata = (sealer: Sealer, revision: string, address: Address, metadata: object): StoredRecord =>
  sealBody(sealer, revision, address, bodyOf({ metadata, value: undefined, keys: undefined }), sealer.metadataKeys)

/**
 * Counts, then seals: all writes get the same revision, every one has a check, and `unchanged` are checked besides. Throws `LIMIT_EXCEEDED`.
 * Plaintext copies are erased.
 */
export const sealWrites = (
  sealer: Sealer,
  revision: string,
  planned: readonly PlannedWrite[],
  unchanged: readonly Check[],
): { readonly checks: readonly Check[]; readonly writes: readonly Write[] } => {
  const bodies = planned.map(({ content }) => (content === undefined ? undefined : bodyOf(content)))
  try {
    count(sealer.limits, bodies, planned.length + unchanged.length)
    return {
      checks: [
        ...planned.map(({ collection, leaf, expected }) => ({ collection, leaf, revision: expected })),
        ...unchanged,
      ],
      writes: planned.map((write, index) => {
        const body = bodies[index]
        const keys = write.content?.keys ?? sealer.metadataKeys
        const record = body === undefined ? undefined : sealBody(sealer, revision, write, body, keys)
        return { collection: write.collection, leaf: write.leaf, record }
      }),
    }
  } finally {
    for (const body of bodies) if (body !== undefined) erase(body.value)
  }
}

export const putKeyset = (expected: string | undefined, { metadata, secrets }: KeysetBody): PlannedWrite =>
  put(layout.keyset(metadata.compartment), expected, metadata, { value: secrets })
