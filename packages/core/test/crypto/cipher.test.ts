import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { nobleCipher, opensslCipher } from "../../src/crypto/xchacha.ts"

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"))
const hex = (array: Uint8Array) => Buffer.from(array).toString("hex")
const implementations = Object.entries({ nobleCipher, opensslCipher })

/** draft-irtf-cfrg-xchacha-03, A.3.1 */
const draft = {
  key: bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
  nonce: bytes("404142434445464748494a4b4c4d4e4f5051525354555657"),
  associatedData: bytes("50515253c0c1c2c3c4c5c6c7"),
  plaintext: new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  sealed:
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216" +
    "cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13" +
    "b52ec0875924c1c7987947deafd8780acf49",
}

/** `length` bytes without a period that divides a block, cheaply. */
const filler = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 197 + (i >> 8) * 31 + seed) & 255)

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const inputs = fc.record({
  key: fixed(32),
  nonce: fixed(24),
  associatedData: fc.uint8Array({ maxLength: 300 }),
  plaintext: fc
    .tuple(fc.oneof(fc.nat(600), fc.nat(70 * 1024), fc.constantFrom(0, 15, 16, 17, 63, 64, 65, 65_536)), fc.nat(255))
    .map(([length, seed]) => filler(length, seed)),
})

describe.each(implementations)("%s", (_name, cipher) => {
  it("agrees with the draft's test vector", () => {
    const { key, nonce, associatedData, plaintext, sealed } = draft
    expect(hex(cipher.seal(key, nonce, plaintext, associatedData))).toBe(sealed)
    expect(cipher.open(key, nonce, bytes(sealed), associatedData)).toEqual(plaintext)
  })

  it("leaves its inputs alone and gives plain arrays with memory of their own", () => {
    const { key, nonce, associatedData, plaintext } = draft
    const before = [key, nonce, associatedData, plaintext].map(hex)
    const sealed = cipher.seal(key, nonce, plaintext, associatedData)
    const opened = cipher.open(key, nonce, sealed, associatedData) ?? new Uint8Array()
    expect([key, nonce, associatedData, plaintext].map(hex)).toEqual(before)
    for (const result of [sealed, opened]) {
      expect(result.constructor).toBe(Uint8Array)
      expect(result.buffer.byteLength).toBe(result.length)
    }
  })

  it.each([0, 1, 33, 300])("refuses %i bytes with any single byte changed", (length) => {
    const parts = {
      key: filler(32, 1),
      nonce: filler(24, 2),
      associatedData: filler(20, 4),
      sealed: cipher.seal(filler(32, 1), filler(24, 2), filler(length, 3), filler(20, 4)),
    }
    const open = () => cipher.open(parts.key, parts.nonce, parts.sealed, parts.associatedData)
    const accepted: string[] = []
    for (const [name, part] of Object.entries(parts)) {
      for (let i = 0; i < part.length; i++) {
        const bit = 1 << (i % 8)
        part[i] = (part[i] ?? 0) ^ bit
        if (open() !== undefined) accepted.push(`${name}[${i}]`)
        part[i] = (part[i] ?? 0) ^ bit
      }
    }
    expect(accepted).toEqual([])
    expect(open()).toEqual(filler(length, 3))
  })

  it("refuses whatever is cut or extended, truncated tags included", () => {
    const { key, nonce, associatedData } = draft
    const sealed = bytes(draft.sealed)
    for (let length = 0; length < sealed.length; length++) {
      expect(cipher.open(key, nonce, sealed.subarray(0, length), associatedData), `${length} bytes`).toBeUndefined()
    }
    expect(cipher.open(key, nonce, bytes(`${draft.sealed}00`), associatedData)).toBeUndefined()
    expect(cipher.open(key, nonce, bytes(`00${draft.sealed}`), associatedData)).toBeUndefined()
    expect(cipher.open(key, nonce, sealed, associatedData.subarray(1))).toBeUndefined()
  })

  it.each([
    [0, 24],
    [16, 24],
    [31, 24],
    [33, 24],
    [32, 0],
    [32, 12],
    [32, 23],
    [32, 25],
  ])("throws on a key of %i and a nonce of %i bytes", (keyLength, nonceLength) => {
    const [key, nonce] = [filler(keyLength, 1), filler(nonceLength, 2)]
    const none = new Uint8Array()
    expect(() => cipher.seal(key, nonce, none, none)).toThrow(RangeError)
    expect(() => cipher.open(key, nonce, new Uint8Array(16), none)).toThrow(RangeError)
    expect(() => cipher.open(key, nonce, none, none)).toThrow(RangeError)
  })
})

it("both implementations give the same bytes, and each opens the other's", () => {
  fc.assert(
    fc.property(inputs, ({ key, nonce, plaintext, associatedData }) => {
      const sealed = nobleCipher.seal(key, nonce, plaintext, associatedData)
      expect(Buffer.compare(opensslCipher.seal(key, nonce, plaintext, associatedData), sealed)).toBe(0)
      for (const [name, { open }] of implementations) {
        const opened = open(key, nonce, sealed, associatedData)
        expect(opened && Buffer.compare(opened, plaintext), name).toBe(0)
      }
    }),
  )
})

it("both implementations refuse the same", () => {
  fc.assert(
    fc.property(inputs, fc.nat(), fc.nat(7), ({ key, nonce, plaintext, associatedData }, position, bit) => {
      const sealed = nobleCipher.seal(key, nonce, plaintext, associatedData)
      const i = position % sealed.length
      sealed[i] = (sealed[i] ?? 0) ^ (1 << bit)
      for (const [name, { open }] of implementations) {
        expect(open(key, nonce, sealed, associatedData), name).toBeUndefined()
      }
    }),
  )
})

it.each(implementations)("%s writes into the output it is given, and gives it back", (_name, { seal }) => {
  fc.assert(
    fc.property(inputs, fc.nat(9), ({ key, nonce, plaintext, associatedData }, offset) => {
      const memory = new Uint8Array(offset + plaintext.length + 16 + 3)
      const output = memory.subarray(offset, offset + plaintext.length + 16)
      expect(seal(key, nonce, plaintext, associatedData, output)).toBe(output)
      expect(Buffer.compare(output, seal(key, nonce, plaintext, associatedData))).toBe(0)
      expect([...memory.subarray(0, offset), ...memory.subarray(-3)].every((byte) => byte === 0)).toBe(true)
    }),
  )
  const [key, nonce, none] = [filler(32, 1), filler(24, 2), new Uint8Array()]
  for (const length of [15, 17]) expect(() => seal(key, nonce, none, none, new Uint8Array(length))).toThrow()
})
