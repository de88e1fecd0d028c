import fc from "fast-check"
import { expect, it } from "vitest"
import { SortedKeys } from "../../src/storage/sorted-keys.ts"

it("agrees with a sorted set, across many chunks", () => {
  const key = fc.integer({ min: 0, max: 20_000 }).map((n) => n.toString(36))
  const step = fc.record({
    add: fc.array(key, { maxLength: 4_000 }),
    remove: fc.array(key, { maxLength: 3_000 }),
    after: key,
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 5 }), (steps) => {
      const keys = new SortedKeys()
      const model = new Set<string>()
      for (const { add, remove, after } of steps) {
        for (const k of add) keys.add(k)
        for (const k of add) model.add(k)
        for (const k of remove) keys.delete(k)
        for (const k of remove) model.delete(k)
        const sorted = [...model].sort()
        expect([...keys.after(undefined)]).toEqual(sorted)
        expect([...keys.after(after)]).toEqual(sorted.filter((k) => k > after))
      }
    }),
    { numRuns: 50 },
  )
})

it("keeps keys that come in ascending or descending order", () => {
  const ascending = Array.from({ length: 5_000 }, (_, i) => String(i).padStart(5, "0"))
  for (const order of [ascending, ascending.toReversed()]) {
    const keys = new SortedKeys()
    for (const key of order) keys.add(key)
    expect([...keys.after(undefined)]).toEqual(ascending)
    expect([...keys.after("04997")]).toEqual(["04998", "04999"])
    for (const key of order) keys.delete(key)
    expect([...keys.after(undefined)]).toEqual([])
  }
})

it("made of keys in any order is the same as having added them one by one", () => {
  const key = fc.integer({ min: 0, max: 1e6 }).map((n) => n.toString(36))
  fc.assert(
    fc.property(fc.uniqueArray(key, { size: "max", maxLength: 3_000 }), key, (given, more) => {
      const keys = SortedKeys.of(given)
      expect([...keys.after(undefined)]).toEqual(given.toSorted())
      keys.add(more)
      expect([...keys.after(undefined)]).toEqual([...new Set([...given, more])].sort())
    }),
    { numRuns: 30 },
  )
})
