import { timingSafeEqual } from "node:crypto"

const slabLength = 8 * 1024

/**
 * Gives memory to be filled at once with what is not secret and not kept for long, such as sealed bytes on their way. Short
 * pieces share slabs of 8 KiB, since memory of its own for each costs more than sealing it; a slab lives as long as any
 * of its pieces.
 */
export const slabAllocator = (): ((length: number) => Uint8Array) => {
  let slab = new ArrayBuffer(0)
  let used = 0
  return (length) => {
    if (length > slabLength / 4) return new Uint8Array(length)
    if (length > slab.byteLength - used) {
      slab = new ArrayBuffer(slabLength)
      used = 0
    }
    const piece = new Uint8Array(slab, used, length)
    used += length
    return piece
  }
}

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Writes `value` as four bytes, big endian, and gives the offset behind them. */
export const writeU32 = (bytes: Uint8Array, value: number, offset: number): number => {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
  return offset + 4
}

export const readU32 = (bytes: Uint8Array, offset: number): number =>
  (((bytes[offset] ?? 0) << 24) |
    ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)) >>>
  0

export const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  writeU32(bytes, value, 0)
  return bytes
}

let prefixed = Buffer.allocUnsafeSlow(4 * 1024)

/** Gives the offset behind the text. Most is short ASCII, which is written faster here than by a call into Node. */
const writeText = (text: string, start: number): number => {
  if (text.length > 64) return start + prefixed.write(text, start)
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) return start + prefixed.write(text, start)
    prefixed[start + index] = unit
  }
  return start + text.length
}

/**
 * Each part behind its length (u32, big endian), so that no two lists of parts give the same bytes. For hashing: the
 * memory is that of the next call.
 */
export const lengthPrefixed = (...parts: readonly (string | Uint8Array)[]): Uint8Array => {
  let most = 0
  for (const part of parts) most += 4 + (typeof part === "string" ? 3 : 1) * part.length
  if (most > prefixed.length) prefixed = Buffer.allocUnsafeSlow(most)
  let offset = 0
  for (const part of parts) {
    const start = offset + 4
    if (typeof part === "string") offset = writeText(part, start)
    else {
      prefixed.set(part, start)
      offset = start + part.length
    }
    writeU32(prefixed, offset - start, start - 4)
  }
  // Not a Buffer, whose `slice` would be a view.
  return new Uint8Array(prefixed.buffer, 0, offset)
}

/** Best effort: JavaScript engines may have copied the bytes elsewhere. */
export const erase = (...arrays: readonly Uint8Array[]): void => {
  for (const bytes of arrays) bytes.fill(0)
}

/** The one comparison for tokens, MACs and ids derived from keys. Its time depends on the lengths only, which are public. */
export const equalConstantTime = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && timingSafeEqual(left, right)

export const toBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url")

/** Copies: a Buffer's own memory may belong to Node's shared pool. */
export const fromBase64Url = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64url"))

export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")
