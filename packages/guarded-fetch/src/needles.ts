/** The spellings under which a reflected value is found. */

// Shorter ones would garble what merely happens to be equal, and hide nothing: such a value is guessed.
const leastBytes = 4

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

/** JSON (RFC 8259) as JavaScript, Python (ASCII only), PHP (`\/`), Go (`<`, `>`, `&`) and .NET write it, and combinations. */
const jsonSpellings = (value: string): string[] => {
  const unicode = (text: string, upper: boolean, escaped = /[\u007f-\uffff]/g) =>
    text.replace(escaped, (unit) => {
      const hex = unit.charCodeAt(0).toString(16).padStart(4, "0")
      return `\\u${upper ? hex.toUpperCase() : hex}`
    })
  const plain = JSON.stringify(value).slice(1, -1)
  const html = plain.replace(/[<>&]/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`)
  // What was sent as JSON and comes back as a string in JSON.
  const nested = JSON.stringify(plain).slice(1, -1)
  const dotNet = unicode(plain.replaceAll('\\"', "\\u0022"), true, /[&'+<>`\u007f-\uffff]/g)
  const others = [plain, html, nested].flatMap((text) =>
    [text, text.replaceAll("/", "\\/")].flatMap((one) => [one, unicode(one, false), unicode(one, true)]),
  )
  return [dotNet, ...others]
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

/** Base64 as JSON (PHP's `\/`, .NET's `\u002B`) and percent-encoding write it. Padding is not decided by the bytes alone. */
const escapedBase64 = (text: string): string[] => [
  text.replaceAll("/", "\\/"),
  text.replaceAll("+", "\\u002B"),
  text.replaceAll("+", "%2B").replaceAll("/", "%2F"),
  text.replaceAll("+", "%2b").replaceAll("/", "%2f"),
]

/** The characters that the bytes alone decide, in each of the three places where they can begin in a text of base64. */
const base64Spellings = (bytes: Buffer): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const bits = 8 * (offset + bytes.length)
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64")
    const decided = text.slice(Math.ceil((8 * offset) / 6), Math.floor(bits / 6))
    return [decided, ...escapedBase64(decided), decided.replaceAll("+", "-").replaceAll("/", "_")]
  })

/**
 * All byte strings to look for when `value` may have been reflected: as it is (UTF-8; Latin-1, which is how a header carries
 * it), as JSON, percent-encoded, as HTML text, in base64 and base64url, also escaped, and in hex; all this without white
 * space at its ends too, which many who get it trim. None for a text of under 4 bytes.
 */
export const needlesOf = (value: string): readonly Uint8Array[] => {
  const unique = new Set([value, value.trim()].flatMap(spellingsOf))
  return [...unique].map(latin1)
}

/** One character a byte. */
const spellingsOf = (value: string): readonly string[] => {
  const utf8 = Buffer.from(value)
  if (utf8.length < leastBytes) return []
  const asSent = /^[\0-\xff]*$/.test(value) ? [utf8, latin1(value)] : [utf8]
  const spelled = [...jsonSpellings(value), ...percentSpellings(value), ...htmlSpellings(value)]
  const encoded = asSent.flatMap((bytes) => {
    const hex = bytes.toString("hex")
    return [bytes.toString("latin1"), ...base64Spellings(bytes), hex, hex.toUpperCase()]
  })
  return [...spelled.map((text) => Buffer.from(text).toString("latin1")), ...encoded]
}
