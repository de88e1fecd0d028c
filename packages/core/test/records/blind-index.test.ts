import fc from "fast-check"
import { expect, it } from "vitest"
import { BlindIndex } from "../../src/records/blind-index.ts"
import { directoryPartition } from "../../src/records/layout.ts"
import { filled } from "./support.ts"

const index = (seed = 1, generation = "a") => new BlindIndex(generation, filled(seed))
const parts = fc.array(fc.string({ unit: "grapheme", maxLength: 5 }), { minLength: 1, maxLength: 4 })

it("gives leaves that any adapter takes, the same for the same name and others for others", () => {
  fc.assert(
    fc.property(parts, parts, ([label = "", ...one], [otherLabel = "", ...other]) => {
      const leaf = index().leaf(label, ...one)
      expect(leaf).toMatch(/^a[A-Za-z0-9_-]{22}$/)
      const same = JSON.stringify([label, ...one]) === JSON.stringify([otherLabel, ...other])
      expect(index().leaf(otherLabel, ...other) === leaf).toBe(same)
    }),
    {
      examples: [
        [
          ["l", "ab", "c"],
          ["l", "a", "bc"],
        ],
        [
          ["l", "a"],
          ["l", "a", ""],
        ],
        [["la"], ["l", "a"]],
      ],
    },
  )
})

it("differs by key, and shows its generation", () => {
  expect(index(2).leaf("l", "n")).not.toBe(index(1).leaf("l", "n"))
  expect(index(1, "b").leaf("l", "n")).toBe(`b${index(1).leaf("l", "n").slice(1)}`)
})

it("spreads the directory's pointers over 256 partitions by the first byte", () => {
  expect(directoryPartition("aAAAAAAAAAAAAAAAAAAAAAA")).toBe("dir-00")
  expect(directoryPartition("b_____________________w")).toBe("dir-ff")
  const seen = new Set(Array.from({ length: 5_000 }, (_, i) => directoryPartition(index().leaf("token", `${i}`))))
  expect(seen.size).toBe(256)
  for (const partition of seen) expect(partition).toMatch(/^dir-[0-9a-f]{2}$/)
})
