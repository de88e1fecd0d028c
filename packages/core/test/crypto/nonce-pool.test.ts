import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { noncePool } from "../../src/crypto/nonce-pool.ts"

/** A source that counts upwards in 32-bit words, so that no four aligned bytes come twice and none is zero. Keeps what it gave. */
const counter = () => {
  const draws: Buffer[] = []
  let next = 1
  const random = (length: number) => {
    const drawn = Buffer.alloc(length)
    for (let i = 0; i + 4 <= length; i += 4) drawn.writeUInt32BE(next++, i)
    draws.push(drawn)
    return drawn
  }
  return { random, draws }
}
const words = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").match(/.{8}/g) ?? []

describe("nonce pool", () => {
  it("gives the source's bytes, in order, each once, whatever lengths are taken", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1000, max: 1500 })), { maxLength: 400 }),
        (lengths) => {
          const pool = noncePool(counter().random)
          const all = lengths.flatMap((length) => words(pool.take(4 * length)))
          expect(all).toHaveLength(lengths.reduce((sum, length) => sum + length, 0))
          expect(new Set(all).size).toBe(all.length)
          expect(all).toEqual([...all].sort())
          expect(all).not.toContain("00000000")
        },
      ),
    )
  })

  it("draws 4 KiB at a time, and more only for a longer take", () => {
    const { random, draws } = counter()
    const pool = noncePool(random)
    expect(draws).toHaveLength(0)
    for (let i = 0; i < 170; i++) pool.take(24)
    expect(draws.map(({ length }) => length)).toEqual([4096])
    pool.take(24)
    expect(draws.map(({ length }) => length)).toEqual([4096, 4096])
    expect(pool.take(5000)).toHaveLength(5000)
    expect(draws.map(({ length }) => length)).toEqual([4096, 4096, 5000])
  })

  it("erases in the pool what was taken, and all of it when it is replaced", () => {
    const { random, draws } = counter()
    const pool = noncePool(random)
    const taken = pool.take(24)
    expect(words(taken)).toEqual(["00000001", "00000002", "00000003", "00000004", "00000005", "00000006"])
    expect(draws[0]?.subarray(0, 24)).toEqual(Buffer.alloc(24))
    expect(draws[0]?.readUInt32BE(24)).toBe(7)
    pool.take(4096)
    expect(draws[0]).toEqual(Buffer.alloc(4096))
    expect(draws[1]).toEqual(Buffer.alloc(4096))
    expect(words(taken)[0]).toBe("00000001")
  })

  it("gives memory of its own", () => {
    const taken = noncePool().take(24)
    expect(taken.constructor).toBe(Uint8Array)
    expect(taken.buffer.byteLength).toBe(24)
  })

  it("draws from the system by default", () => {
    const pool = noncePool()
    const taken = Array.from({ length: 2000 }, () => Buffer.from(pool.take(24)).toString("hex"))
    expect(new Set(taken).size).toBe(2000)
    expect(taken).not.toContain("00".repeat(24))
  })

  it("goes on after a failing source, without giving anything stale", () => {
    const { random } = counter()
    let failing = false
    const pool = noncePool((length) => {
      if (failing) throw new Error("no entropy")
      return random(length)
    })
    pool.take(4096 - 8)
    failing = true
    expect(() => pool.take(24)).toThrow("no entropy")
    failing = false
    expect(words(pool.take(8))).toEqual(["000003ff", "00000400"])
    expect(words(pool.take(8))).toEqual(["00000401", "00000402"])
  })

  it("refuses a source that gives too little", () => {
    expect(() => noncePool((length) => new Uint8Array(length - 1)).take(24)).toThrow("4095 bytes instead of 4096")
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses a length of %s", (length) => {
    expect(() => noncePool().take(length)).toThrow(RangeError)
  })
})
