/** The spellings under which a reflected value is found. */

// Shorter ones would garble what merely happens to be equal, and hide nothing: such a value is guessed.
const leastBytes = 4

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

/** JSON (RFC 8259) as JavaScript, Python (ASCII only), PHP (`\/`) and Go (`<`, `>`, `&`) write it, and combinations. */
const jsonSpellings = (value: string): string[] => {
  const unicode = (text: string, upper: boolean) =>
    text.replace(/[\u007f-\uffff]/g, (unit) => {
      const hex = unit.charCodeAt(0).toString(16).padStart(4, "0")
      return `\\u${upper ? hex.toUpperCase() : hex}`
    })
  const plain = JSON.stringify(value).slice(1, -1)
  const html = plain.replace(/[<>&]/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`)
  // What was sent as JSON and comes back as a string in JSON.
  const nested = JSON.stringify(plain).slice(1, -1)
  return [plain, html, nested].flatMap((text) =>
    [text, text.replaceAll("/", "\\/")].flatMap((one) => [one, unicode(one, false), unicode(one, true)]),
  )
}

/** RFC 3986 and the URL standard: a path or query, one component, a form, and with no exceptions; hex of either case. */
const percentSpellings = (value: string): string[] => {
  const strict = encodeURIComponent(value).replace(
    /[!'()*~]/g,
    (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  const form = new URLSearchParams([["", value]]).toString().slice(1)
  const all = [encodeURI(value), encodeURIComponent(value), strict, form, form.replaceAll("+", "%20")]
  return all.flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase())])
}

const htmlSpellings = (value: string): string[] =>
  [
    { '"': "&quot;", "'": "&#39;" },
    { '"': "&quot;", "'": "&#x27;" },
    { '"': "&quot;", "'": "&#039;" },
    { '"': "&#34;", "'": "&#39;" },
    { '"': '"', "'": "'" },
  ].map((quotes) => {
    const entities: Record<string, string> = { ...quotes, "&": "&amp;", "<": "&lt;", ">": "&gt;" }
    return value.replace(/["'&<>]/g, (unit) => entities[unit] ?? unit)
  })

/** The characters that the bytes alone decide, in each of the three places where they can begin in a text of base64. */
const base64Spellings = (bytes: Buffer): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const bits = 8 * (offset + bytes.length)
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64")
    const decided = text.slice(Math.ceil((8 * offset) / 6), Math.floor(bits / 6))
    return [decided, decided.replaceAll("+", "-").replaceAll("/", "_")]
  })

/**
 * All byte strings to look for when `value` may have been reflected: as it is (UTF-8; Latin-1, which is how a header carries
 * it), as JSON, percent-encoded, as HTML text, in base64 and base64url, and in hex. None for a value of under 4 bytes.
 */
export const needlesOf = (value: string): readonly Uint8Array[] => {
  const utf8 = Buffer.from(value)
  if (utf8.length < leastBytes) return []
  const asSent = /^[\0-\xff]*$/.test(value) ? [utf8, latin1(value)] : [utf8]
  const spelled = [...jsonSpellings(value), ...percentSpellings(value), ...htmlSpellings(value)]
  const encoded = asSent.flatMap((bytes) => {
    const hex = bytes.toString("hex")
    return [bytes.toString("latin1"), ...base64Spellings(bytes), hex, hex.toUpperCase()]
  })
  const unique = new Set([...spelled.map((text) => Buffer.from(text).toString("latin1")), ...encoded])
  return [...unique].map(latin1)
}
