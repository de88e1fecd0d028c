/** The forms in which a text may leak, and a search for all of them. */

export interface Needle {
  readonly encoding: string
  readonly bytes: Buffer
}

const escapedBy = (text: string, form: (unit: number) => string): string =>
  Array.from({ length: text.length }, (_, index) => form(text.charCodeAt(index))).join("")

const hexOf = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/**
 * Base64 of something that holds the bytes looks one of three ways, by where they begin; the characters at both ends
 * depend on what stands beside them and are left out.
 */
const base64At = (bytes: Uint8Array, offset: number): string => {
  const text = Buffer.concat([new Uint8Array(offset), bytes])
    .toString("base64")
    .replace(/=+$/, "")
  const start = Math.ceil((offset * 8) / 6)
  const end = Math.floor(((offset + bytes.length) * 8) / 6)
  return text.slice(start, end)
}

const textNeedles = (texts: Readonly<Record<string, readonly string[]>>): readonly Needle[] =>
  Object.entries(texts).flatMap(([encoding, forms]) => forms.map((form) => ({ encoding, bytes: Buffer.from(form) })))

/** Bytes of any kind, at least 6. */
export const needlesOfBytes = (secret: Uint8Array): readonly Needle[] => {
  if (secret.length < 6) throw new Error("a marker has at least 6 bytes, so that it does not turn up by chance")
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset))
  return [
    { encoding: "raw", bytes },
    ...textNeedles({
      hex: [bytes.toString("hex"), bytes.toString("hex").toUpperCase()],
      base64,
      base64url: base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_")),
      "as numbers": [[...bytes].join(",")],
    }),
  ]
}

/** ASCII text of at least 6 characters. */
export const needlesOf = (text: string): readonly Needle[] => {
  if (/[^ -~]/.test(text)) throw new Error("a marker is ASCII")
  const utf16 = Buffer.from(text, "utf16le")
  const escaped = (form: (unit: number) => string) => [
    escapedBy(text, form),
    escapedBy(text, (unit) => form(unit).replace(/[0-9a-f]+$/, (digits) => digits.toUpperCase())),
  ]
  return [
    ...needlesOfBytes(Buffer.from(text)),
    { encoding: "UTF-16LE", bytes: utf16 },
    { encoding: "UTF-16BE", bytes: Buffer.from(utf16).swap16() },
    ...textNeedles({
      "base64 of UTF-16": [0, 1, 2].map((offset) => base64At(utf16, offset)),
      "URL-encoded": [encodeURIComponent(text), ...escaped((unit) => `%${hexOf(unit, 2)}`)],
      "JSON-escaped": escaped((unit) => `\\u${hexOf(unit, 4)}`),
    }),
  ]
}

/** `[ 1, 2 ]`, `{"0":1,"1":2}` and their like as `1,2`; `<Buffer 0a 0b>` as `0a0b`. */
const plainNumbers = (text: string): string => text.replace(/"?\b\d+"?:\s*/g, "").replace(/\s+/g, "")

/** The encodings in which the needles stand in the haystack. */
export const findIn = (haystack: Uint8Array, needles: readonly Needle[]): readonly string[] => {
  const bytes = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.byteLength)
  const numbers = Buffer.from(plainNumbers(bytes.toString("latin1")), "latin1")
  const found = needles.filter((needle) => bytes.includes(needle.bytes) || numbers.includes(needle.bytes))
  return [...new Set(found.map(({ encoding }) => encoding))]
}
