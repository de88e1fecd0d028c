/** The spellings under which a reflected value is found. */

// Shorter ones would garble what merely happens to be equal, and hide nothing: such a value is guessed.
const leastBytes = 4

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

/** The characters that the bytes alone decide, in each of the three places where they can begin in a text of base64. */
const base64Spellings = (bytes: Buffer): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const bits = 8 * (offset + bytes.length)
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64")
    const decided = text.slice(Math.ceil((8 * offset) / 6), Math.floor(bits / 6))
    return [decided, decided.replaceAll("+", "-").replaceAll("/", "_")]
  })

/** One character a byte: the value as it is in UTF-8, in Latin-1, which is how a header carries it, and encoded. */
const spellingsOf = (value: string): readonly string[] => {
  const utf8 = Buffer.from(value)
  if (utf8.length < leastBytes) return []
  const asSent = /^[\0-\xff]*$/.test(value) ? [utf8, latin1(value)] : [utf8]
  return asSent.flatMap((bytes) => {
    const hex = bytes.toString("hex")
    return [bytes.toString("latin1"), ...base64Spellings(bytes), hex, hex.toUpperCase()]
  })
}

/**
 * All byte strings to look for when `value` may have been reflected, but for escapes, which the masker undoes: as it is, in
 * base64 and base64url, in hex; all this without white space at its ends too, which many who get it trim. None for a text
 * of under 4 bytes.
 */
export const needlesOf = (value: string): readonly Uint8Array[] =>
  [...new Set([value, value.trim()].flatMap(spellingsOf))].map(latin1)
