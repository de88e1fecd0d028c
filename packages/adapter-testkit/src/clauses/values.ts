import assert from "node:assert/strict"
import { mustCommit, readOne } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, digest, digests, everything, put, text } from "../records.ts"

export const values: readonly Clause[] = [
  {
    id: "values-exact",
    title: "returns exactly the bytes and the revision that were written",
    async run({ storage }) {
      const contents = [
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7),
        // Core hands in pieces of larger blocks of memory.
        Uint8Array.from({ length: 300 }, (_, i) => i).subarray(90, 110),
      ]
      const writes = contents.map((bytes, i) => put(at(`${i}`), bytes))
      await mustCommit(storage, "p", writes)
      const given = digests(writes.map(({ record }) => record))
      assert.deepEqual(digests(await storage.read("p", writes)), given)
      const page = await storage.list("p", "c", everything)
      assert.deepEqual(digests(page.records.map(({ record }) => record)), given)
      for (const { record } of page.records) assert.ok(record.bytes instanceof Uint8Array)
    },
  },
  {
    id: "values-replaced",
    title: "replaces a record as a whole, by a longer one, a shorter one and an empty one",
    async run({ storage }) {
      for (const content of ["some", "something longer", "short", "", "again"]) {
        const write = put(at("a"), content)
        await mustCommit(storage, "p", [write])
        assert.equal(digest(await readOne(storage, "p", at("a"))), digest(write.record))
      }
    },
  },
  {
    id: "values-not-shared",
    title: "shares no memory with its callers",
    async run({ storage }) {
      const given = Buffer.from("given")
      const committed = storage.commit("p", { checks: [], writes: [put(at("a"), given)] })
      given.fill("!")
      assert.equal((await committed).status, "committed")
      const found = [
        await readOne(storage, "p", at("a")),
        (await storage.list("p", "c", everything)).records[0]?.record,
        await readOne(storage, "p", at("a")),
        (await storage.list("p", "c", everything)).records[0]?.record,
      ]
      assert.deepEqual(
        found.map((record) => text(record?.bytes)),
        found.map(() => "given"),
      )
      for (const record of found) record?.bytes.fill(0)
      assert.equal(text((await readOne(storage, "p", at("a")))?.bytes), "given")
    },
  },
]
