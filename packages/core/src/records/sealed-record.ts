import { concat, erase, lengthPrefixed, readU32, slabAllocator, writeU32 } from "../crypto/bytes.ts"
import { type DataKey, type DataKeys, keyIdLength } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"
import { fromUtf8 } from "../domain/text.ts"
import type { Cipher } from "../ports/cipher.ts"
import type { Address } from "../ports/storage.ts"

/**
 * A sealed record, version 1: `0x01 | suite | key id (16) | nonce (24) | ciphertext | tag (16)`.
 * What is sealed is a body: `u32 length | metadata JSON | raw value bytes`. Specified in docs/record-format.md.
 */

export const formatVersion = 0x01
export const suiteXChaCha = 0x01
export const nonceLength = 24
const tagLength = 16
const headerLength = 2 + keyIdLength
/** Neither written nor opened: what somebody has blown up is refused before it is decrypted. */
export const longestRecord = 16 * 1024 * 1024
const lengthBytes = 4

/** What sealing adds to a body. */
const overhead = headerLength + nonceLength + tagLength

/** Where a record lives and which commit wrote it. All of it is authenticated with the record. */
export interface Place extends Address {
  readonly partition: string
  readonly revision: string
}

export interface Body {
  /** UTF-8 of a JSON object with a version `v`. */
  readonly metadata: Uint8Array
  readonly value: Uint8Array
}

/** A body before it is sealed: text in place of its UTF-8. */
export interface PlainBody {
  readonly metadata: string | Uint8Array
  readonly value: string | Uint8Array
}

export const nameOf = (place: Address & { readonly partition: string }): string =>
  `${place.partition}/${place.collection}/${place.leaf}`

const associatedData = (header: Uint8Array, place: Place): Uint8Array =>
  lengthPrefixed("strongroom/v1/record", header, place.partition, place.collection, place.leaf, place.revision)

const none = new Uint8Array(0)
const sealedBytes = slabAllocator()
const versionAndSuite = Uint8Array.of(formatVersion, suiteXChaCha)

const byteLength = (part: string | Uint8Array): number =>
  typeof part === "string" ? Buffer.byteLength(part) : part.length

export const sealedLength = (metadata: string | Uint8Array, value: string | Uint8Array): number =>
  overhead + lengthBytes + byteLength(metadata) + byteLength(value)

/** Sealing awaits nothing, so one piece of memory serves all plaintext but the longest. */
const scratch = Buffer.allocUnsafeSlow(128 * 1024)

/** To be erased as soon as it is sealed. */
const plaintextOf = ({ metadata, value }: PlainBody): Uint8Array => {
  const valueStart = lengthBytes + byteLength(metadata)
  const length = valueStart + byteLength(value)
  const memory = length > scratch.length ? Buffer.allocUnsafeSlow(length) : scratch
  const put = (part: string | Uint8Array, at: number): void => {
    if (typeof part === "string") memory.write(part, at)
    else memory.set(part, at)
  }
  writeU32(memory, valueStart - lengthBytes, 0)
  put(metadata, lengthBytes)
  put(value, valueStart)
  return new Uint8Array(memory.buffer, 0, length)
}

/** Leaves nothing in `output` that is not sealed. */
const sealInto = (
  output: Uint8Array,
  cipher: Cipher,
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  data: Uint8Array,
): void => {
  try {
    const sealed = cipher.seal(key, nonce, plaintext, data, output)
    if (sealed.length !== output.length) throw new Error("the cipher gave another length than plaintext and tag have")
    // Of a cipher that takes no output.
    if (sealed !== output) output.set(sealed)
  } catch (error) {
    erase(output)
    throw error
  }
}

/** `prefix` is what stands before the record in the same stored bytes; it is authenticated as part of the header. */
export const sealRecord = (
  cipher: Cipher,
  key: DataKey,
  nonce: Uint8Array,
  place: Place,
  body: PlainBody,
  prefix: Uint8Array = none,
): Uint8Array => {
  const plaintext = plaintextOf(body)
  try {
    const sealedStart = prefix.length + headerLength + nonceLength
    const record = sealedBytes(sealedStart + plaintext.length + tagLength)
    record.set(prefix)
    record.set(versionAndSuite, prefix.length)
    record.set(key.id, prefix.length + versionAndSuite.length)
    record.set(nonce, prefix.length + headerLength)
    const header = record.subarray(0, prefix.length + headerLength)
    sealInto(record.subarray(sealedStart), cipher, key.sealKey, nonce, plaintext, associatedData(header, place))
    return record
  } finally {
    erase(plaintext)
  }
}

const integrity = (place: Place, what: string): StrongroomError =>
  new StrongroomError("INTEGRITY", `record ${nameOf(place)} ${what}`, { record: nameOf(place) })

/** Throws `INTEGRITY`, or `FORMAT_UNSUPPORTED` for a version or suite of a newer Strongroom, naming the record. */
export const openRecord = (
  cipher: Cipher,
  keys: DataKeys,
  place: Place,
  bytes: Uint8Array,
  prefix: Uint8Array = none,
): Body => {
  if (bytes.length < overhead + lengthBytes) throw integrity(place, "is too short to be one")
  if (bytes.length > longestRecord) throw integrity(place, "is too long to be one")
  if (bytes[0] !== formatVersion || bytes[1] !== suiteXChaCha) {
    throw new StrongroomError(
      "FORMAT_UNSUPPORTED",
      `record ${nameOf(place)} has version ${bytes[0]} and suite ${bytes[1]}, which this release does not know`,
      { record: nameOf(place) },
    )
  }
  const header = bytes.subarray(0, headerLength)
  const key = keys.find(header.subarray(2))
  if (key === undefined) throw integrity(place, "names a key that does not belong here")
  const nonce = bytes.subarray(headerLength, headerLength + nonceLength)
  const sealed = bytes.subarray(headerLength + nonceLength)
  const whole = prefix.length === 0 ? header : concat(prefix, header)
  const plaintext = cipher.open(key.sealKey, nonce, sealed, associatedData(whole, place))
  if (plaintext === undefined) throw integrity(place, "does not open: changed, or of another place")
  const valueStart = lengthBytes + readU32(plaintext, 0)
  if (valueStart > plaintext.length) throw integrity(place, "has a body with a wrong length")
  return { metadata: plaintext.subarray(lengthBytes, valueStart), value: plaintext.subarray(valueStart) }
}

/** The body's JSON as text, then as untrusted input; both throw `INTEGRITY` when it is none. */
export const metadataText = (place: Place, metadata: Uint8Array): string => {
  try {
    return fromUtf8(metadata)
  } catch {
    throw integrity(place, "has metadata that is not UTF-8")
  }
}

export const parseMetadata = (place: Place, text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote what it read.
    throw integrity(place, "has metadata that is not JSON")
  }
}
