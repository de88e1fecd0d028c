import fc from "fast-check"
import { expect, it } from "vitest"
import { newRevision } from "../../../core/test/storage/records.ts"
import { encodeCommand, headOf } from "../../src/resp.ts"

/** An array of bulk strings, the long way. */
const arrayOf = (words: readonly Uint8Array[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from("\r\n")]),
  ])

/** A character a byte. */
const text = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("latin1"))
const record = fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ revision: newRevision(), bytes }))

it("a command is sent as an array of bulk strings, whatever its arguments are", () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1 }), fc.array(fc.oneof(text, fc.nat(), record)), (first, rest) => {
      const words = rest.map((word) =>
        typeof word === "object"
          ? Buffer.concat([Buffer.from(word.revision), word.bytes])
          : Buffer.from(`${word}`, "latin1"),
      )
      const encoded = encodeCommand(headOf(first.length + rest.length, first), rest)
      expect(encoded).toEqual(arrayOf([...first.map((word) => Buffer.from(word, "latin1")), ...words]))
    }),
  )
})
