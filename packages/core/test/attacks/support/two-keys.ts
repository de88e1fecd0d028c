import { randomBytes } from "node:crypto"
import { xchacha20 } from "@noble/ciphers/chacha.js"

/**
 * A ciphertext of XChaCha20-Poly1305 that opens under two keys: Poly1305 is linear in its blocks, so two blocks that
 * may be anything solve the equations of both tags (Dodis, Grubbs, Ristenpart, Woodage: Fast Message Franking, 2018).
 */

const p = 2n ** 130n - 5n
const two128 = 2n ** 128n
const mod = (value: bigint): bigint => ((value % p) + p) % p

const fromLittleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`)
const toLittleEndian = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(32, "0"), "hex").reverse()

const power = (base: bigint, exponent: bigint): bigint => {
  if (exponent === 0n) return 1n
  const half = power(mod(base * base), exponent / 2n)
  return exponent % 2n === 0n ? half : mod(half * base)
}
const inverse = (value: bigint): bigint => power(mod(value), p - 2n)

const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn

interface OneTimeKey {
  readonly r: bigint
  readonly s: bigint
}

/** RFC 8439, 2.8: the one-time key is the first half of block 0 of the key stream. */
const oneTimeKey = (key: Uint8Array, nonce: Uint8Array): OneTimeKey => {
  const stream = xchacha20(key, nonce, new Uint8Array(32))
  return { r: fromLittleEndian(stream.subarray(0, 16)) & clamp, s: fromLittleEndian(stream.subarray(16)) }
}

const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, new Uint8Array((16 - (bytes.length % 16)) % 16)])

const lengthBlock = (associated: number, ciphertext: number): Uint8Array => {
  const block = new DataView(new ArrayBuffer(16))
  block.setBigUint64(0, BigInt(associated), true)
  block.setBigUint64(8, BigInt(ciphertext), true)
  return new Uint8Array(block.buffer)
}

/**
 * Encrypts the plaintext (a whole number of 16-byte blocks) under the first key and replaces its last two blocks so
 * that the tag is right under the second key too. Gives ciphertext and tag.
 */
export const sealUnderTwoKeys = (
  first: Uint8Array,
  second: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array => {
  const ciphertext = xchacha20(first, nonce, plaintext, undefined, 1)
  ciphertext.fill(0, -32)
  const message = Buffer.concat([
    padded(associatedData),
    ciphertext,
    lengthBlock(associatedData.length, plaintext.length),
  ])
  const blocks = Array.from({ length: message.length / 16 }, (_, index) =>
    fromLittleEndian(message.subarray(index * 16, index * 16 + 16)),
  )
  const [key1, key2] = [oneTimeKey(first, nonce), oneTimeKey(second, nonce)]
  // The two free blocks stand before the last one, so their factors are r^3 and r^2. Theirs count as nothing here.
  const free = blocks.length - 3
  const fixed = blocks.map((block, index) => (index === free || index === free + 1 ? 0n : block + two128))
  const sumUnder = ({ r }: OneTimeKey) => fixed.reduce((sum, block) => mod((sum + block) * r), 0n)
  const [sum1, sum2] = [sumUnder(key1), sumUnder(key2)]
  const [a, b] = [power(key1.r, 3n), power(key1.r, 2n)]
  const [c, d] = [power(key2.r, 3n), power(key2.r, 2n)]
  const determinant = inverse(a * d - b * c)
  for (;;) {
    const tag = fromLittleEndian(randomBytes(16))
    const missing = ({ s }: OneTimeKey, sum: bigint) => mod(((tag - s + two128) % two128) - sum)
    const [e, f] = [missing(key1, sum1), missing(key2, sum2)]
    const x = mod((e * d - b * f) * determinant)
    const y = mod((a * f - e * c) * determinant)
    // Each is a block of 16 bytes with a bit above, so one try in sixteen fits.
    if ([x, y].every((block) => block >= two128 && block < 2n * two128)) {
      ciphertext.set(toLittleEndian(x - two128), ciphertext.length - 32)
      ciphertext.set(toLittleEndian(y - two128), ciphertext.length - 16)
      return Buffer.concat([ciphertext, toLittleEndian(tag)])
    }
  }
}
