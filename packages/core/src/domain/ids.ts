/** Identifiers made from random bytes that the caller supplies, so that this stays pure. */

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const ulidRandomLength = 10

/** A ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits; 26 characters of Crockford's base 32. */
const ulid = (milliseconds: number, random: Uint8Array): string => {
  let text = ""
  let time = milliseconds
  for (let i = 0; i < 10; i++) {
    text = crockford.charAt(time % 32) + text
    time = Math.floor(time / 32)
  }
  let bits = 0
  let buffered = 0
  for (const byte of random.subarray(0, ulidRandomLength)) {
    buffered = (buffered << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += crockford.charAt((buffered >> bits) & 31)
    }
    buffered &= (1 << bits) - 1
  }
  return text
}

export const uuidRandomLength = 16

const hexOf = (byte: number): string => (byte < 16 ? "0" : "") + byte.toString(16)

/** A random UUID (RFC 9562, version 4) in lower case. */
export const uuid = (random: Uint8Array): string => {
  let text = ""
  for (let index = 0; index < uuidRandomLength; index++) {
    const byte = random[index] ?? 0
    const stamped = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte
    if (index === 4 || index === 6 || index === 8 || index === 10) text += "-"
    text += hexOf(stamped)
  }
  return text
}

/**
 * ULIDs that rise even within a millisecond and when the clock steps back, so that one process's commits sort in the
 * order in which they were prepared. `random` gives bytes that were never used before.
 */
export const risingUlids = (random: (length: number) => Uint8Array): ((milliseconds: number) => string) => {
  let time = 0
  let tail: Uint8Array = new Uint8Array(ulidRandomLength)
  return (milliseconds) => {
    if (milliseconds > time) {
      time = milliseconds
      tail = random(ulidRandomLength)
      // Room to count up: the first bit of the random part stays free.
      tail[0] = (tail[0] ?? 0) & 0x7f
    } else {
      for (let i = tail.length - 1; i >= 0; i--) {
        tail[i] = ((tail[i] ?? 0) + 1) & 0xff
        if (tail[i] !== 0) break
      }
    }
    return ulid(time, tail)
  }
}
