import { Redacted } from "effect"
import { erase } from "../crypto/bytes.ts"
import type { DataKeys } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"
import type { Cipher } from "../ports/cipher.ts"
import type { Address, Check, StorageLimits, StoredRecord, Write } from "../ports/storage.ts"
import type { KeysetBody } from "../records/keyset.ts"
import { layout, type Ref } from "../records/layout.ts"
import { longestRecord, nonceLength, type PlainBody, sealedLength, sealRecord } from "../records/sealed-record.ts"

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

type Content = NonNullable<PlannedWrite["content"]>

const none = new Uint8Array(0)

const metadataOf = ({ metadata }: Content): string | Uint8Array =>
  metadata instanceof Uint8Array ? metadata : JSON.stringify(metadata)

const plainValueOf = ({ value }: Content): string | Uint8Array =>
  Redacted.isRedacted(value) ? Redacted.value(value) : (value ?? none)

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

/** What a write will be once it is sealed, without its value: counted first, since refusing must not cost what writing does. */
interface Counted {
  readonly write: PlannedWrite
  readonly metadata: string | Uint8Array
}

const count = (limits: StorageLimits, planned: readonly PlannedWrite[], checks: number): readonly Counted[] => {
  const recordBytes = Math.min(limits.recordBytes, longestRecord)
  let total = 0
  if (checks > limits.commitRecords) throw tooMuch("records in one commit", checks, limits.commitRecords)
  const counted = planned.map((write) => {
    const metadata = write.content === undefined ? none : metadataOf(write.content)
    const size = write.content === undefined ? 0 : sealedLength(metadata, plainValueOf(write.content))
    if (size > recordBytes) throw tooMuch("bytes in one record", size, recordBytes)
    total += size
    return { write, metadata }
  })
  if (total > limits.commitBytes) throw tooMuch("bytes in one commit", total, limits.commitBytes)
  return counted
}

const sealBody = (sealer: Sealer, revision: string, { collection, leaf }: Address, body: PlainBody, keys: DataKeys) => {
  const place = { partition: sealer.partition, collection, leaf, revision }
  return { revision, bytes: sealRecord(sealer.cipher, keys.current, sealer.random(nonceLength), place, body) }
}

/** One record without a value, sealed by the metadata keys. */
export const sealMetadata = (sealer: Sealer, revision: string, address: Address, metadata: object): StoredRecord => {
  const body = { metadata: JSON.stringify(metadata), value: none }
  return sealBody(sealer, revision, address, body, sealer.metadataKeys)
}

/** Erases the plaintext of the value. */
const sealWrite = (sealer: Sealer, revision: string, { write, metadata }: Counted): Write => {
  const { collection, leaf, content } = write
  if (content === undefined) return { collection, leaf, record: undefined }
  const value = plainValueOf(content)
  try {
    const keys = content.keys ?? sealer.metadataKeys
    return { collection, leaf, record: sealBody(sealer, revision, write, { metadata, value }, keys) }
  } finally {
    if (typeof value !== "string") erase(value)
  }
}

/**
 * Counts, then seals: all writes get the same revision, every one has a check, and `unchanged` are checked besides.
 * Throws `LIMIT_EXCEEDED`.
 */
export const sealWrites = (
  sealer: Sealer,
  revision: string,
  planned: readonly PlannedWrite[],
  unchanged: readonly Check[],
): { readonly checks: readonly Check[]; readonly writes: readonly Write[] } => {
  const counted = count(sealer.limits, planned, planned.length + unchanged.length)
  return {
    checks: [
      ...planned.map(({ collection, leaf, expected }) => ({ collection, leaf, revision: expected })),
      ...unchanged,
    ],
    writes: counted.map((one) => sealWrite(sealer, revision, one)),
  }
}

export const putKeyset = (expected: string | undefined, { metadata, secrets }: KeysetBody): PlannedWrite =>
  put(layout.keyset(metadata.compartment), expected, metadata, { value: secrets })
