/** Identifiers made from random bytes that the caller supplies, so that this stays pure. */

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

export const ulidRandomLength = 10

/** A ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits; 26 characters of Crockford's base 32. */
export const ulid = (milliseconds: number, random: Uint8Array): string => {
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
