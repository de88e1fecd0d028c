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

/** ASCII text of at least 6 characters, so that no form of it turns up in random bytes. */
export const needlesOf = (text: string): readonly Needle[] => {
  if (text.length < 6 || /[^ -~]/.test(text)) throw new Error("a marker is at least 6 ASCII characters")
  const bytes = Buffer.from(text)
  const utf16 = Buffer.from(text, "utf16le")
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset))
  const texts: Readonly<Record<string, readonly string[]>> = {
    hex: [bytes.toString("hex"), bytes.toString("hex").toUpperCase()],
    base64,
    base64url: base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_")),
    "base64 of UTF-16": [0, 1, 2].map((offset) => base64At(utf16, offset)),
    "URL-encoded": [
      encodeURIComponent(text),
      escapedBy(text, (unit) => `%${hexOf(unit, 2)}`),
      escapedBy(text, (unit) => `%${hexOf(unit, 2).toUpperCase()}`),
    ],
    "JSON-escaped": [
      escapedBy(text, (unit) => `\\u${hexOf(unit, 4)}`),
      escapedBy(text, (unit) => `\\u${hexOf(unit, 4).toUpperCase()}`),
    ],
    "as numbers": [[...bytes].join(",")],
  }
  return [
    { encoding: "raw", bytes },
    { encoding: "UTF-16LE", bytes: utf16 },
    { encoding: "UTF-16BE", bytes: Buffer.from(utf16).swap16() },
    ...Object.entries(texts).flatMap(([encoding, forms]) =>
      forms.map((form) => ({ encoding, bytes: Buffer.from(form) })),
    ),
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
