import { expect, it } from "vitest"
import { decodeRecord, encodeRecord } from "../src/encoding.ts"

const revision = "0123456789ABCDEFGHIJKLMNOP"

it("a record is its revision and then its bytes", () => {
  const record = { revision, bytes: Uint8Array.of(0, 1, 255) }
  expect(decodeRecord(encodeRecord(record))).toEqual(record)
})

it.each([0, 5, 25])("a value that was cut to %i bytes has none left, and is for core to refuse", (length) => {
  const value = encodeRecord({ revision, bytes: Uint8Array.of(7) }).subarray(0, length)
  expect(decodeRecord(value)).toEqual({ revision: revision.slice(0, length), bytes: new Uint8Array() })
})
