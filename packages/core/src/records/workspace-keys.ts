import { concat, erase, u32 } from "../crypto/bytes.ts"
import { type DataKey, DataKeys, dataKey, derive, keyLength } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"
import { utf8 } from "../domain/text.ts"
import type { Cipher } from "../ports/cipher.ts"
import { BlindIndex } from "./blind-index.ts"
import { committedKey, secretAt, unlockKeys } from "./committed-keys.ts"
import { type layout, readMetadata } from "./layout.ts"
import { formatVersion, nameOf, openRecord, type Place, sealRecord } from "./sealed-record.ts"

/**
 * The record that holds a workspace's own keys: `0x01 | 0x00 | u32 length | wrapped workspace key | sealed record`.
 * The sealed record is of the workspace key and authenticates everything before it; its value bytes are the metadata
 * keys and then the index keys, 32 bytes each. The directory's keys are kept the same way.
 */

const prefixStart = new Uint8Array([formatVersion, 0x00])
const lengthEnd = 6

type KeysRef = ReturnType<typeof layout.workspaceKeys>

export const splitWorkspaceKeys = (place: Place, bytes: Uint8Array): { prefix: Uint8Array; wrapped: Uint8Array } => {
  const record = nameOf(place)
  if (bytes.length >= 2 && (bytes[0] !== formatVersion || bytes[1] !== 0x00)) {
    throw new StrongroomError("FORMAT_UNSUPPORTED", `record ${record} has version ${bytes[0]}`, { record })
  }
  const wrappedLength = bytes.length < lengthEnd ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(2)
  if (wrappedLength < 0 || lengthEnd + wrappedLength > bytes.length) {
    throw new StrongroomError("INTEGRITY", `record ${record} is too short to be one`, { record })
  }
  const prefix = bytes.subarray(0, lengthEnd + wrappedLength)
  // A copy: the provider's array is erased after use.
  return { prefix, wrapped: new Uint8Array(prefix.subarray(lengthEnd)) }
}

/** The keys of one workspace, in the clear. */
export class WorkspaceKeys {
  readonly sequence: number
  readonly metadata: DataKeys
  readonly index: BlindIndex
  /** Keys the audit chain of this workspace. */
  readonly chain: Uint8Array

  constructor(sequence: number, metadata: readonly DataKey[], index: BlindIndex, chain: Uint8Array) {
    this.sequence = sequence
    this.metadata = new DataKeys(metadata)
    this.index = index
    this.chain = chain
  }

  erase(): void {
    this.metadata.erase()
    this.index.erase()
    erase(this.chain)
  }
}

const metadataKey = (secret: Uint8Array, partition: string): DataKey =>
  dataKey(secret, "strongroom/v1/metadata-key", partition)

const chainKey = (secret: Uint8Array, partition: string): Uint8Array =>
  derive(secret, keyLength, "strongroom/v1/audit-chain", partition)

/** `secrets`: one metadata key and one index key, 32 random bytes each. */
export const sealWorkspaceKeys = (
  cipher: Cipher,
  nonce: Uint8Array,
  place: Place,
  workspaceKey: Uint8Array,
  wrapped: Uint8Array,
  secrets: Uint8Array,
  now: number,
): Uint8Array => {
  const metadata = {
    v: 1,
    sequence: 1,
    metadataKeys: [committedKey(metadataKey(secretAt(secrets, 0), place.partition), now)],
    indexKeys: [{ generation: "a", createdAt: now }],
  }
  const key = dataKey(workspaceKey, "strongroom/v1/workspace-key", place.partition)
  const body = { metadata: utf8(JSON.stringify(metadata)), value: secrets }
  const sealed = sealRecord(cipher, key, nonce, place, body, concat(prefixStart, u32(wrapped.length), wrapped))
  erase(key.sealKey)
  return sealed
}

export const openWorkspaceKeys = (
  cipher: Cipher,
  ref: KeysRef,
  place: Place,
  bytes: Uint8Array,
  prefix: Uint8Array,
  workspaceKey: Uint8Array,
): WorkspaceKeys => {
  const record = nameOf(place)
  const wrapping = new DataKeys([dataKey(workspaceKey, "strongroom/v1/workspace-key", place.partition)])
  const body = openRecord(cipher, wrapping, place, bytes.subarray(prefix.length), prefix)
  wrapping.erase()
  const { sequence, metadataKeys, indexKeys } = readMetadata(ref, place, body.metadata)
  const newestIndex = indexKeys.at(-1)
  const count = metadataKeys.length + indexKeys.length
  if (metadataKeys.length === 0 || newestIndex === undefined || body.value.length !== count * keyLength) {
    throw new StrongroomError("INTEGRITY", `record ${record} holds a wrong number of keys`, { record })
  }
  const keys = unlockKeys(record, metadataKeys, body.value, (secret) => metadataKey(secret, place.partition))
  const index = new BlindIndex(newestIndex.generation, secretAt(body.value, count - 1).slice())
  const chain = chainKey(secretAt(body.value, 0), place.partition)
  erase(body.value)
  return new WorkspaceKeys(sequence, keys, index, chain)
}
