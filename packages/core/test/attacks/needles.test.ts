import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { findIn, needlesOf } from "./support/needles.ts"

const marker = "q^7~Kv"
const needles = needlesOf(marker)
const bytes = Buffer.from(`${marker}${marker}`)

/** One leak of each kind, as somebody might write it. */
const leaks: Readonly<Record<string, string | Uint8Array>> = {
  raw: `value ${marker}.`,
  "UTF-16LE": Buffer.from(`value ${marker}.`, "utf16le"),
  "UTF-16BE": Buffer.from(`value ${marker}.`, "utf16le").swap16(),
  hex: bytes.toString("hex"),
  "hex in capitals": bytes.toString("hex").toUpperCase(),
  "hex of a Buffer": inspect(bytes),
  "base64 at 0": Buffer.from(`abc${marker}${marker}`).toString("base64"),
  "base64 at 1": Buffer.from(`abcd${marker}${marker}`).toString("base64"),
  "base64 at 2": Buffer.from(`abcde${marker}${marker}`).toString("base64"),
  base64url: Buffer.from(`a${marker}??>>`).toString("base64url"),
  "base64 of UTF-16": Buffer.from(`ab${marker}c`, "utf16le").toString("base64"),
  "URL-encoded": encodeURIComponent(marker),
  "URL-encoded as a whole": [...Buffer.from(marker)].map((byte) => `%${byte.toString(16)}`).join(""),
  "JSON-escaped": [...marker].map((char) => `\\u00${char.charCodeAt(0).toString(16)}`).join(""),
  "JSON-escaped in capitals": [...marker]
    .map((char) => `\\u00${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .join(""),
  "as an array": JSON.stringify([...bytes]),
  "as a typed array": inspect(new Uint8Array(bytes)),
  "as a long typed array": inspect(new Uint8Array(Buffer.concat([Buffer.alloc(20), bytes]))),
  "as an object": JSON.stringify(new Uint8Array(bytes)),
  "as a Buffer's JSON": JSON.stringify(bytes),
}

describe("the search for leaks", () => {
  it.for(Object.entries(leaks))("finds the marker %s", ([, leak]) => {
    expect(findIn(Buffer.from(leak), needles)).not.toEqual([])
  })

  it("finds nothing where nothing is", () => {
    expect(findIn(Buffer.from("q^7~K-v, q^7~kv, \\u0071, 113,94,55,126,75"), needles)).toEqual([])
  })
})
