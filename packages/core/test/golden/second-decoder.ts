/**
 * A second decoder of the record format, written from docs/record-format.md alone: it imports nothing of core and shares
 * no primitive with it but those of node:crypto. It opens a whole store from its root key, and refuses what the page says must be refused.
 */
import { createDecipheriv, createHmac } from "node:crypto"

export interface Place {
  readonly partition: string
  readonly collection: string
  readonly leaf: string
  readonly revision: string
}
export interface Body {
  readonly metadata: Buffer
  readonly value: Buffer
}
export interface DataKey {
  readonly id: Buffer
  readonly sealKey: Buffer
  readonly commitment: Buffer
}
export interface WrapContext {
  readonly purpose: string
  readonly storeId: string
  readonly workspaceId: string
}

export class Refused extends Error {}

const refuse = (what: string): never => {
  throw new Refused(what)
}
export const nameOf = ({ partition, collection, leaf }: Omit<Place, "revision">): string =>
  `${partition}/${collection}/${leaf}`

// Notation

const u32 = (n: number): Buffer => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255])
const lp = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part)).flatMap((part) => [u32(part.length), part]))
const hmac = (key: Buffer, ...message: readonly Buffer[]): Buffer =>
  createHmac("sha256", key).update(Buffer.concat(message)).digest()

/** RFC 5869, written out: extract with a salt of zeros, then expand. */
export const hkdf = (secret: Buffer, length: number, label: string, ...context: readonly string[]): Buffer => {
  const pseudoRandomKey = hmac(Buffer.alloc(32), secret)
  const info = lp(label, ...context)
  const blocks: Buffer[] = []
  for (let i = 1; blocks.length * 32 < length; i++) {
    blocks.push(hmac(pseudoRandomKey, blocks.at(-1) ?? Buffer.alloc(0), info, Buffer.from([i])))
  }
  return Buffer.concat(blocks).subarray(0, length)
}

// XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03

const at = (words: Uint32Array, index: number): number => words[index] ?? 0
const rotated = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))
const quarterRound = (s: Uint32Array, a: number, b: number, c: number, d: number): void => {
  for (const [first, second] of [
    [16, 12],
    [8, 7],
  ] as const) {
    s[a] = at(s, a) + at(s, b)
    s[d] = rotated(at(s, d) ^ at(s, a), first)
    s[c] = at(s, c) + at(s, d)
    s[b] = rotated(at(s, b) ^ at(s, c), second)
  }
}

/** Section 2.2; its block is constants, key and nonce as little-endian words. */
const hChaCha20 = (key: Buffer, nonce: Buffer): Buffer => {
  const block = Buffer.concat([Buffer.from("expand 32-byte k"), key, nonce])
  const state = Uint32Array.from({ length: 16 }, (_, i) => block.readUInt32LE(i * 4))
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarterRound(state, i, 4 + i, 8 + i, 12 + i)
    for (let i = 0; i < 4; i++) quarterRound(state, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4))
  }
  const key32 = Buffer.alloc(32)
  for (let i = 0; i < 4; i++) {
    key32.writeUInt32LE(at(state, i), i * 4)
    key32.writeUInt32LE(at(state, 12 + i), 16 + i * 4)
  }
  return key32
}

/** `undefined` when the tag does not verify. */
const unseal = (key: Buffer, nonce: Buffer, sealed: Buffer, associatedData: Buffer): Buffer | undefined => {
  const shortNonce = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)])
  const options = { authTagLength: 16 }
  const decipher = createDecipheriv("chacha20-poly1305", hChaCha20(key, nonce.subarray(0, 16)), shortNonce, options)
  decipher.setAAD(associatedData, { plaintextLength: sealed.length - 16 })
  decipher.setAuthTag(sealed.subarray(-16))
  const plaintext = decipher.update(sealed.subarray(0, -16))
  try {
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}

// The sealed record, and keys

export const dataKey = (secret: Buffer, label: string, ...context: readonly string[]): DataKey => {
  const okm = hkdf(secret, 64, label, ...context)
  return { sealKey: okm.subarray(0, 32), commitment: okm.subarray(32), id: okm.subarray(32, 48) }
}

export const openRecord = (
  keys: readonly DataKey[],
  place: Place,
  bytes: Buffer,
  prefix: Buffer = Buffer.alloc(0),
): Body => {
  const name = nameOf(place)
  if (bytes.length < 62) refuse(`${name}: too short`)
  if (bytes[0] !== 1 || bytes[1] !== 1) refuse(`${name}: unknown version or suite`)
  const key = keys.find(({ id }) => id.equals(bytes.subarray(2, 18))) ?? refuse(`${name}: not a key for this place`)
  const { partition, collection, leaf, revision } = place
  const header = Buffer.concat([prefix, bytes.subarray(0, 18)])
  const associatedData = lp("strongroom/v1/record", header, partition, collection, leaf, revision)
  const body =
    unseal(key.sealKey, bytes.subarray(18, 42), bytes.subarray(42), associatedData) ?? refuse(`${name}: does not open`)
  const end = 4 + body.readUInt32BE(0)
  if (end > body.length) refuse(`${name}: metadata beyond the body`)
  return { metadata: body.subarray(4, end), value: body.subarray(end) }
}

/** The blob of `localKeys`. */
export const unwrap = (rootKey: Buffer, blob: Buffer, { purpose, storeId, workspaceId }: WrapContext): Buffer => {
  const root = dataKey(rootKey, "strongroom/v1/root-key")
  if (blob.length !== 89 || blob[0] !== 1) refuse("not a wrapped key")
  if (!root.id.equals(blob.subarray(1, 17))) refuse("wrapped by another root key")
  const associatedData = lp("strongroom/v1/wrapped-key", blob.subarray(0, 17), purpose, storeId, workspaceId)
  return (
    unseal(root.sealKey, blob.subarray(17, 41), blob.subarray(41), associatedData) ??
    refuse("wrapped key does not open")
  )
}

/** The parts of a record that keeps the keys of a workspace. */
export const splitKeysRecord = (place: Place, bytes: Buffer) => {
  const name = nameOf(place)
  if (bytes.length < 6 || bytes[0] !== 1 || bytes[1] !== 0) refuse(`${name}: not a record of keys`)
  const end = 6 + bytes.readUInt32BE(2)
  if (end > bytes.length) refuse(`${name}: too short`)
  return { prefix: bytes.subarray(0, end), wrapped: bytes.subarray(6, end), sealed: bytes.subarray(end) }
}

export const chainKeyOf = (firstMetadataKey: Buffer, partition: string): Buffer =>
  hkdf(firstMetadataKey, 32, "strongroom/v1/audit-chain", partition)

export const linkOf = (chainKey: Buffer, leaf: string, metadata: Buffer): string =>
  hmac(chainKey, lp(leaf, metadata)).toString("base64url")

export const blindLeaf = (generation: string, indexKey: Buffer, label: string, ...parts: readonly string[]): string =>
  generation +
  hmac(indexKey, lp(label, ...parts))
    .subarray(0, 16)
    .toString("base64url")
