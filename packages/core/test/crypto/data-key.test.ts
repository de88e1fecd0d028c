import { hkdfSync } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { concat, lengthPrefixed, toHex } from "../../src/crypto/bytes.ts"
import { commitsTo, DataKeys, dataKey, derive, hmacSha256 } from "../../src/crypto/data-key.ts"

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
const context = fc.array(fc.string({ maxLength: 6 }), { maxLength: 3 })
const key = (seed: number, ...parts: readonly string[]) =>
  dataKey(new Uint8Array(32).fill(seed), "strongroom/test", ...parts)

it("derives with HKDF-SHA256 over the length-prefixed label and context", () => {
  const input = Uint8Array.from({ length: 32 }, (_, i) => i)
  const info = Buffer.concat([
    Buffer.from([0, 0, 0, 5]),
    Buffer.from("label"),
    Buffer.from([0, 0, 0, 1]),
    Buffer.from("x"),
  ])
  expect(derive(input, 42, "label", "x")).toEqual(new Uint8Array(hkdfSync("sha256", input, "", info, 42)))
})

it("authenticates with HMAC-SHA256 (RFC 4231, test case 2)", () => {
  expect(toHex(hmacSha256(Buffer.from("Jefe"), Buffer.from("what do ya want for nothing?")))).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  )
})

it("other secrets, labels and contexts give other keys, and a key does not depend on where a context is cut", () => {
  fc.assert(
    fc.property(secret, secret, fc.string(), fc.string(), context, context, (a, b, label, otherLabel, one, other) => {
      const first = toHex(dataKey(a, label, ...one).sealKey)
      const same = (left: readonly unknown[], right: readonly unknown[]) =>
        toHex(lengthPrefixed(...left.map(String))) === toHex(lengthPrefixed(...right.map(String)))
      expect(toHex(dataKey(b, label, ...one).sealKey) === first).toBe(toHex(a) === toHex(b))
      expect(toHex(dataKey(a, otherLabel, ...other).sealKey) === first).toBe(
        same([label, ...one], [otherLabel, ...other]),
      )
    }),
  )
  expect(key(1, "ab", "c").id).not.toEqual(key(1, "a", "bc").id)
  expect(key(1, "a").id).not.toEqual(key(1, "a", "").id)
})

describe("a data key", () => {
  it("is a seal key and a commitment whose first half is the id, each with memory of its own", () => {
    const { id, sealKey, commitment } = key(1)
    expect([id.length, sealKey.length, commitment.length]).toEqual([16, 32, 32])
    expect(concat(sealKey, commitment)).toEqual(derive(new Uint8Array(32).fill(1), 64, "strongroom/test"))
    expect(id).toEqual(commitment.subarray(0, 16))
    expect(new Set([id.buffer, sealKey.buffer, commitment.buffer]).size).toBe(3)
  })

  it("leaves the secret to its owner", () => {
    const input = new Uint8Array(32).fill(9)
    dataKey(input, "strongroom/test")
    expect(input).toEqual(new Uint8Array(32).fill(9))
  })

  it("commits to all 32 bytes: any changed bit, and the id alone, is another commitment", () => {
    const { id, commitment } = key(1)
    expect(commitsTo(key(1), commitment)).toBe(true)
    expect(commitsTo(key(1), id)).toBe(false)
    expect(commitsTo(key(2), commitment)).toBe(false)
    for (let i = 0; i < 256; i++) {
      const changed = commitment.slice()
      changed[i >> 3] = (changed[i >> 3] ?? 0) ^ (1 << (i & 7))
      expect(commitsTo(key(1), changed), `bit ${i}`).toBe(false)
    }
  })
})

describe("a set of data keys", () => {
  const keys = [key(1), key(2), key(3)]

  it("seals with the newest and finds each by its id, and only by all of it", () => {
    const set = new DataKeys(keys)
    expect(set.current).toBe(keys[2])
    for (const each of keys) {
      expect(set.find(each.id.slice())).toBe(each)
      expect(set.find(each.id.subarray(0, 15))).toBeUndefined()
      expect(set.find(each.commitment)).toBeUndefined()
    }
    expect(set.find(key(4).id)).toBeUndefined()
  })

  it("erases every seal key", () => {
    const own = [key(5), key(6)]
    new DataKeys(own).erase()
    for (const { sealKey } of own) expect(sealKey).toEqual(new Uint8Array(32))
  })

  it("is never empty", () => {
    expect(() => new DataKeys([])).toThrow("at least one")
  })
})
