import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { concat, toHex, u32 } from "../../src/crypto/bytes.ts"
import { type DataKey, DataKeys } from "../../src/crypto/data-key.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { utf8 } from "../../src/domain/text.ts"
import {
  type Body,
  longestRecord,
  metadataText,
  openRecord,
  type Place,
  parseMetadata,
  sealedLength,
  sealRecord,
} from "../../src/records/sealed-record.ts"
import { anyBody, anyPlace, filled, flip, place, recordName, refusal, testKey } from "./support.ts"

const keys = new DataKeys([testKey(1), testKey(2)])
const nonce = filled(3, 24)
const body: Body = { metadata: utf8('{"v":1}'), value: utf8("a value") }
const seal = (where: Place = place, what: Body = body, key: DataKey = keys.current) =>
  sealRecord(cipher, key, nonce, where, what)
const open = (bytes: Uint8Array, where: Place = place) => openRecord(cipher, keys, where, bytes)

describe("a sealed record", () => {
  it("opens to what was sealed, under any of the keys, and is as long as announced", () => {
    fc.assert(
      fc.property(anyPlace, anyBody, fc.constantFrom(testKey(1), testKey(2)), (where, what, key) => {
        const bytes = seal(where, what, key)
        expect(open(bytes, where)).toEqual(what)
        expect(bytes.length).toBe(sealedLength(what.metadata, what.value))
        expect(sealedLength(what.metadata, what.value)).toBe(62 + what.metadata.length + what.value.length)
      }),
    )
  })

  it("starts with version, suite, key id and nonce", () => {
    expect(toHex(seal().subarray(0, 42))).toBe(`0101${toHex(testKey(2).id)}${toHex(nonce)}`)
  })

  it("leaves the body to its owner", () => {
    const own = { metadata: body.metadata.slice(), value: body.value.slice() }
    seal(place, own)
    expect(own).toEqual(body)
  })

  it("refuses with any single bit changed, naming the record", () => {
    const bytes = seal()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const code = bit < 16 ? "FORMAT_UNSUPPORTED" : "INTEGRITY"
      expect(
        refusal(() => open(flip(bytes, bit))),
        `bit ${bit}`,
      ).toBe(`${recordName}: ${code}`)
    }
  })

  it("opens at no other place", () => {
    fc.assert(
      fc.property(anyPlace, anyPlace, (where, other) => {
        const same =
          where.partition === other.partition &&
          where.collection === other.collection &&
          where.leaf === other.leaf &&
          where.revision === other.revision
        const outcome = refusal(() => open(seal(where), other))
        expect(outcome).toBe(same ? "accepted" : `${other.partition}/${other.collection}/${other.leaf}: INTEGRITY`)
      }),
      {
        examples: [
          [
            { ...place, collection: "ab", leaf: "c" },
            { ...place, collection: "a", leaf: "bc" },
          ],
        ],
      },
    )
  })

  it.each(Object.keys(place))("is bound to its %s", (field) => {
    const changed = { ...place, [field]: `${"0".repeat(25)}1` }
    expect(refusal(() => open(seal(), changed))).toMatch(/: INTEGRITY$/)
  })
})

describe("attack 5: a record is cut or extended", () => {
  it.each([0, 1, 40])("to any length, with a value of %i bytes", (length) => {
    const bytes = seal(place, { ...body, value: filled(7, length) })
    for (let end = 0; end < bytes.length; end++) {
      expect(
        refusal(() => open(bytes.subarray(0, end))),
        `${end} bytes`,
      ).toBe(`${recordName}: INTEGRITY`)
    }
    for (const extra of [1, 16, 62]) {
      expect(refusal(() => open(concat(bytes, filled(0, extra))))).toBe(`${recordName}: INTEGRITY`)
      expect(refusal(() => open(concat(bytes, bytes.subarray(0, extra))))).toBe(`${recordName}: INTEGRITY`)
    }
  })

  it("or blown up: nothing is decrypted that nobody can have written", () => {
    let decrypted = false
    const watching = {
      ...cipher,
      open: () => {
        decrypted = true
        return undefined
      },
    }
    const blown = concat(seal(), new Uint8Array(longestRecord))
    expect(refusal(() => openRecord(watching, keys, place, blown))).toBe(`${recordName}: INTEGRITY`)
    expect(decrypted).toBe(false)
  })

  it("or is anything at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withHeader) => {
        const offered = withHeader ? concat(seal().subarray(0, 18), bytes) : bytes
        expect(refusal(() => open(offered))).toMatch(/: (INTEGRITY|FORMAT_UNSUPPORTED)$/)
      }),
    )
  })
})

describe("attack 7: the version or suite byte is changed", () => {
  it("to any other value: refused as a format that this release does not know", () => {
    const bytes = seal()
    for (const at of [0, 1]) {
      for (let value = 0; value < 256; value++) {
        if (value === 1) continue
        const changed = bytes.slice()
        changed[at] = value
        expect(refusal(() => open(changed))).toBe(`${recordName}: FORMAT_UNSUPPORTED`)
      }
    }
  })

  it("of what is authenticated alone, by whoever has the key: the header that stands there must be the sealed one", () => {
    // Sealed as version 0, which stands behind the header's length (18) in the associated data; stored as version 1.
    const sealedUnder = sealRecord(
      {
        ...cipher,
        seal: (key, number, plaintext, ad) => {
          const other = ad.slice()
          other[other.indexOf(18, 4) + 1] = 0
          return cipher.seal(key, number, plaintext, other)
        },
      },
      keys.current,
      nonce,
      place,
      body,
    )
    expect(refusal(() => open(sealedUnder))).toBe(`${recordName}: INTEGRITY`)
  })
})

describe("attack 8: another key", () => {
  it("a record of a key that is not among those for the place does not open, and no key is tried", () => {
    let tried = 0
    const counting = {
      ...cipher,
      open: (...args: Parameters<typeof cipher.open>) => {
        tried++
        return cipher.open(...args)
      },
    }
    expect(refusal(() => openRecord(counting, keys, place, seal(place, body, testKey(9))))).toBe(
      `${recordName}: INTEGRITY`,
    )
    expect(tried).toBe(0)
    openRecord(counting, keys, place, seal())
    expect(tried).toBe(1)
  })

  it("a record that names another key of the place is not opened under its own", () => {
    const bytes = seal(place, body, testKey(1))
    bytes.set(testKey(2).id, 2)
    expect(refusal(() => open(bytes))).toBe(`${recordName}: INTEGRITY`)
  })

  it("a key that claims another's id does not open its record", () => {
    const pretending = new DataKeys([{ ...testKey(9), id: testKey(2).id }])
    expect(refusal(() => openRecord(cipher, pretending, place, seal()))).toBe(`${recordName}: INTEGRITY`)
  })
})

describe("attack 15: a body that whoever holds the key has made up", () => {
  const sealPlaintext = (plaintext: Uint8Array) => {
    let sealed = new Uint8Array()
    const honest = sealRecord(
      {
        ...cipher,
        seal: (key, number, text, ad) => {
          sealed = new Uint8Array(cipher.seal(key, number, plaintext, ad))
          return cipher.seal(key, number, text, ad)
        },
      },
      keys.current,
      nonce,
      place,
      body,
    )
    return concat(honest.subarray(0, 42), sealed)
  }

  it.each([
    [1, 0],
    [8, 7],
    [0x7fffffff, 7],
    [0x80000000, 7],
    [0xfffffffc, 7],
    [0xffffffff, 7],
  ])("metadata of %i bytes in a body of %i", (claimed, held) => {
    const bytes = sealPlaintext(concat(u32(claimed), filled(120, held)))
    expect(refusal(() => open(bytes))).toBe(`${recordName}: INTEGRITY`)
  })

  it("a body without room for a length", () => {
    for (let length = 0; length < 4; length++) {
      expect(refusal(() => open(sealPlaintext(filled(0, length))))).toBe(`${recordName}: INTEGRITY`)
    }
  })

  it.each<[string, Uint8Array]>([
    ["empty", utf8("")],
    ["cut JSON", utf8('{"v":1')],
    ["two values", utf8('{"v":1}{"v":1}')],
    ["a byte order mark", utf8('\ufeff{"v":1}')],
    ["a NUL", utf8('{"v":1}\0')],
    ["invalid UTF-8", Uint8Array.of(0x22, 0xff, 0x22)],
    ["an overlong slash", Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)],
    ["a surrogate in UTF-8", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ["JSON that never ends its nesting", utf8("[".repeat(1_000_000))],
  ])("metadata that is no JSON: %s", (_name, metadata) => {
    const opened = open(seal(place, { ...body, metadata }))
    expect(refusal(() => parseMetadata(place, metadataText(place, opened.metadata)))).toBe(`${recordName}: INTEGRITY`)
  })

  it("no refusal quotes what it has read", () => {
    const marker = "xk29-marker"
    try {
      parseMetadata(place, `{"${marker}": ${marker}}`)
      expect.unreachable()
    } catch (error) {
      const { inspect } = process.getBuiltinModule("node:util")
      expect(inspect(error, { depth: 9 })).not.toContain(marker)
    }
  })
})
