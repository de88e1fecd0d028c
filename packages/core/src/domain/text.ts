/** Unicode text as stored: counted in code points, always well formed. */

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Length in code points, which is what the APIs' limits count: not UTF-16 units, not bytes. */
export const codePoints = (text: string): number => {
  let surrogatePairs = 0
  for (let i = 0; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      surrogatePairs++
      i++
    }
  }
  return text.length - surrogatePairs
}

/** A lone surrogate has no UTF-8 form; `TextEncoder` would silently store U+FFFD instead. */
export const isWellFormed = (text: string): boolean => text.isWellFormed()

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Throws on malformed UTF-8. A leading byte order mark is text like any other and is kept. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)
