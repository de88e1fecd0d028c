import fc from "fast-check"
import { expect, it } from "vitest"
import {
  concat,
  equalConstantTime,
  erase,
  fromBase64Url,
  lengthPrefixed,
  readU32,
  slabAllocator,
  toBase64Url,
  toHex,
  u32,
} from "../../src/crypto/bytes.ts"

const bytes = fc.uint8Array({ maxLength: 64 })
const long = fc.integer({ min: 60, max: 6_000 })
const part = fc.oneof(
  { weight: 9, arbitrary: bytes },
  { weight: 9, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
  { weight: 1, arbitrary: long.map((length) => new Uint8Array(length).fill(length)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("a", "\u00fc"), long).map(([text, times]) => text.repeat(times)) },
)
const bytesOf = (input: string | Uint8Array) => new Uint8Array(Buffer.from(input))

it("lengths are 4 bytes, big endian, and count bytes", () => {
  expect(u32(0x01020304)).toEqual(Uint8Array.of(1, 2, 3, 4))
  expect(u32(0xffffffff)).toEqual(Uint8Array.of(255, 255, 255, 255))
  expect([0, 0x01020304, 0xffffffff].map((value) => readU32(u32(value), 0))).toEqual([0, 0x01020304, 0xffffffff])
  expect(toHex(lengthPrefixed("a", "\u00fc\u{1F511}", "", Uint8Array.of(7)))).toBe(
    "0000000161" + "00000006c3bcf09f9491" + "00000000" + "0000000107",
  )
  expect(toHex(lengthPrefixed("a\u00fc"))).toBe("0000000361c3bc")
})

it("length-prefixed parts can be told apart again: no two lists give the same bytes", () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const joined = lengthPrefixed(...parts)
      const found: Uint8Array[] = []
      for (let offset = 0; offset < joined.length; ) {
        const length = readU32(joined, offset)
        found.push(new Uint8Array(joined.subarray(offset + 4, offset + 4 + length)))
        offset += 4 + length
      }
      expect(found).toEqual(parts.map(bytesOf))
    }),
  )
})

it("joins copies, which later changes do not reach", () => {
  fc.assert(
    fc.property(fc.array(bytes), (parts) => {
      const joined = concat(...parts)
      expect(joined).toEqual(Uint8Array.from(parts.flatMap((each) => [...each])))
      erase(...parts)
      expect(parts.every((each) => each.every((byte) => byte === 0))).toBe(true)
      expect(joined.length === 0 || joined.buffer.byteLength === joined.length).toBe(true)
    }),
  )
})

it("base64url has no padding and comes back as memory of its own", () => {
  fc.assert(
    fc.property(bytes, (input) => {
      const text = toBase64Url(input)
      expect(text).toMatch(/^[A-Za-z0-9_-]*$/)
      const back = fromBase64Url(text)
      expect(back).toEqual(input)
      expect(back.buffer.byteLength).toBe(input.length)
      expect(toHex(input)).toBe(Buffer.from(input).toString("hex"))
    }),
  )
})

it("encodes a view, and not the memory around it", () => {
  const whole = Uint8Array.of(1, 2, 3, 4)
  expect(toHex(whole.subarray(1, 3))).toBe("0203")
  expect(toBase64Url(whole.subarray(1, 3))).toBe("AgM")
})

it("compares whole arrays: different lengths and any different byte are unequal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(7), (input, position, bit) => {
      const other = input.slice()
      expect(equalConstantTime(input, other)).toBe(true)
      other[position % other.length] = (other[position % other.length] ?? 0) ^ (1 << bit)
      expect(equalConstantTime(input, other)).toBe(false)
      expect(equalConstantTime(input, input.subarray(1))).toBe(false)
      expect(equalConstantTime(input, concat(input, Uint8Array.of(0)))).toBe(false)
    }),
  )
})

it("no two pieces of a slab overlap, whatever their lengths", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(400), fc.nat(9_000)), { size: "max", maxLength: 60 }), (lengths) => {
      const allocate = slabAllocator()
      const pieces = lengths.map((length, index) => allocate(length).fill(index + 1))
      pieces.forEach((piece, index) => {
        expect(piece.length).toBe(lengths[index])
        expect(piece.every((byte) => byte === index + 1)).toBe(true)
      })
    }),
  )
})
