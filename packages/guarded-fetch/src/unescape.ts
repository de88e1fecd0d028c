/** Undoing escapes in a stream of bytes, with where in the source each byte comes from. */

/** Of a few hundred bytes at most: for these, arrays take a tenth of the time of typed ones. */
export interface Piece {
  readonly bytes: number[]
  /** Where in the source the byte, or the escape that stands for it, begins and ends. */
  readonly starts: number[]
  readonly ends: number[]
}

export interface Escapes {
  /** Every escape has one of these bytes, and begins with it. */
  readonly triggers: readonly number[]
  /** Over bytes in Latin-1. Group 1 is a beginning of an escape at the end. No escape is shorter than what it stands for. */
  readonly pattern: RegExp
  /** The bytes that an escape stands for, in Latin-1. */
  readonly decode: (sequence: string) => string
}

const inUtf8 = (text: string): string => Buffer.from(text).toString("latin1")
const hex = (digits: string): number => Number.parseInt(digits, 16)

const controls: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

/** RFC 8259, section 7, and what else JavaScript reads as the character after the backslash. */
export const json: Escapes = {
  triggers: [0x5c],
  pattern:
    /(\\(?:u[\da-f]{0,3}|ud[89ab][\da-f]{2}(?:\\(?:u(?:d(?:[c-f][\da-f]?)?)?)?)?)?$)|\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|\\u[\da-f]{4}|\\[^u]/gi,
  decode: (sequence) => {
    // By places: a search of every escape would take most of the masker's time.
    if (sequence.length === 2) return controls[sequence.charAt(1)] ?? sequence.charAt(1)
    const unit = hex(sequence.slice(2, 6))
    if (sequence.length === 6) return unit < 0x80 ? String.fromCharCode(unit) : inUtf8(String.fromCharCode(unit))
    return inUtf8(String.fromCharCode(unit, hex(sequence.slice(8))))
  },
}

/** RFC 3986, section 2.1. */
export const percent: Escapes = {
  triggers: [0x25],
  pattern: /(%[\da-f]?$)|%[\da-f]{2}/gi,
  decode: (sequence) => String.fromCharCode(hex(sequence.slice(1))),
}

/** The URL standard's application/x-www-form-urlencoded. */
export const form: Escapes = {
  triggers: [0x25, 0x2b],
  pattern: /(%[\da-f]?$)|%[\da-f]{2}|\+/gi,
  decode: (sequence) => (sequence === "+" ? " " : percent.decode(sequence)),
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

/** XML's five entities and numeric references, which HTML has too. */
export const markup: Escapes = {
  triggers: [0x26],
  pattern: /(&(?:#(?:\d{0,7}|x[\da-f]{0,6})|[a-z]{0,4})$)|&(?:#\d{1,7}|#x[\da-f]{1,6}|amp|lt|gt|quot|apos);/gi,
  decode: (sequence) => {
    const name = sequence.slice(1, -1).toLowerCase()
    if (!name.startsWith("#")) return named[name] ?? sequence
    const codePoint = name.startsWith("#x") ? hex(name.slice(2)) : Number(name.slice(1))
    return codePoint <= 0x10ffff ? inUtf8(String.fromCodePoint(codePoint)) : sequence
  },
}

const nothing = (): Piece => ({ bytes: [], starts: [], ends: [] })

const append = (to: Piece, from: Piece, begin: number, end: number): void => {
  for (let index = begin; index < end; index++) {
    to.bytes.push(from.bytes[index] ?? 0)
    to.starts.push(from.starts[index] ?? 0)
    to.ends.push(from.ends[index] ?? 0)
  }
}

/** A piece of the source itself. */
export const asItIs = (bytes: Uint8Array, from: number): Piece => {
  const piece = nothing()
  for (let index = 0; index < bytes.length; index++) {
    piece.bytes.push(bytes[index] ?? 0)
    piece.starts.push(from + index)
    piece.ends.push(from + index + 1)
  }
  return piece
}

export interface Unescaper {
  /** Where in the source the beginning of an escape is that is held back. */
  heldFrom(): number | undefined
  push(piece: Piece, isLast: boolean): Piece
}

export const unescaper = ({ pattern, decode }: Escapes): Unescaper => {
  let held = nothing()
  return {
    heldFrom: () => held.starts[0],
    push(piece, isLast) {
      const input = held
      append(input, piece, 0, piece.bytes.length)
      held = nothing()
      const { length } = input.bytes
      const output = nothing()
      let at = 0
      const text = String.fromCharCode(...input.bytes)
      // `matchAll` would compile a copy of the pattern for each piece.
      pattern.lastIndex = 0
      for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
        append(output, input, at, match.index)
        at = match.index
        if (match[1] !== undefined) {
          if (isLast) break
          append(held, input, at, length)
          return output
        }
        const next = at + match[0].length
        const decoded = decode(match[0])
        for (let index = 0; index < decoded.length; index++) {
          output.bytes.push(decoded.charCodeAt(index))
          output.starts.push(input.starts[at] ?? 0)
          output.ends.push(input.ends[next - 1] ?? 0)
        }
        at = next
      }
      append(output, input, at, length)
      return output
    },
  }
}
