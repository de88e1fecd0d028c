import assert from "node:assert/strict"
import { mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, byBytes, digest, digests, everything, leavesOf, put, text } from "../records.ts"

const alphabet = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"

export const addresses: readonly Clause[] = [
  {
    id: "addresses-alphabet",
    title: "takes names of 1 to 128 characters of the whole alphabet, those of Object's own properties among them",
    async run({ storage }) {
      const names = [alphabet, "__proto__", "constructor", ".", "..", "0", "x".repeat(128)]
      for (const partition of ["_".repeat(128), "~", "__proto__", ".."]) {
        const writes = names.flatMap((collection) =>
          names.map((leaf) => put({ collection, leaf }, `${partition}/${collection}/${leaf}`)),
        )
        await mustCommit(storage, partition, writes)
        assert.deepEqual(digests(await storage.read(partition, writes)), digests(writes.map(({ record }) => record)))
        for (const collection of names) {
          const page = await storage.list(partition, collection, everything)
          assert.deepEqual(leavesOf(page), [...names].sort(byBytes))
        }
      }
    },
  },
  {
    id: "addresses-read-order",
    title: "reads in the order asked for, also what is absent and what is asked for twice",
    async run({ storage }) {
      const [a, b] = [put(at("a")), put(at("b"))]
      await mustCommit(storage, "p", [a, b])
      const found = await storage.read("p", [at("b"), at("none"), at("a", "none"), at("a"), at("b")])
      const expected = [digest(b.record), "absent", "absent", digest(a.record), digest(b.record)]
      assert.deepEqual(digests(found), expected)
      assert.deepEqual(digests(await storage.read("none", [at("a")])), ["absent"])
      assert.deepEqual(await storage.read("p", []), [])
    },
  },
  {
    id: "addresses-apart",
    title:
      "keeps names apart that begin alike, differ in case, are one number or one pattern, or are equal when joined",
    async run({ storage }) {
      // Joined by one of "-", "_", "." and "~", two pairs of these are the same; and to LIKE "_" is any character.
      const alike = ["a", "A", "aa", "a.", "a-a", "a_a", "a.a", "a~a"]
      const numbers = ["7", "007", "7.0", "10", "1e1"]
      const parts = [...alike, ...numbers]
      const all = parts.flatMap((partition) => parts.map((collection) => ({ partition, collection })))
      for (const partition of parts) {
        const writes = parts.flatMap((collection) =>
          parts.map((leaf) => put({ collection, leaf }, `${partition} ${collection} ${leaf}`)),
        )
        await mustCommit(storage, partition, writes)
      }
      for (const { partition, collection } of all) {
        const page = await storage.list(partition, collection, everything)
        assert.deepEqual(
          page.records.map(({ leaf, record }) => [leaf, text(record.bytes)]),
          [...parts].sort(byBytes).map((leaf) => [leaf, `${partition} ${collection} ${leaf}`]),
        )
      }
    },
  },
]
