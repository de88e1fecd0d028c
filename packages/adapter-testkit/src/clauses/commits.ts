import assert from "node:assert/strict"
import { assertConflict, mustBeEmpty, mustCommit, mustConflict, readOne, send } from "../calls.ts"
import type { Clause } from "../clause.ts"
import {
  absent,
  at,
  digest,
  digests,
  everything,
  leavesOf,
  newRevision,
  put,
  remove,
  stale,
  unchanged,
} from "../records.ts"

export const commits: readonly Clause[] = [
  {
    id: "commits-all-or-nothing",
    title: "writes all or nothing, wherever the check that fails stands, and names just that one",
    async run({ storage }) {
      const leaves = ["a", "b", "c", "d", "e"]
      const first = leaves.map((leaf) => put(at(leaf), "before"))
      await mustCommit(storage, "p", first)
      for (const bad of leaves) {
        const checks = first.map((write) => (write.leaf === bad ? stale(write) : unchanged(write)))
        const writes = leaves.map((leaf) => (leaf === "c" ? remove(at(leaf)) : put(at(leaf), "after")))
        await mustConflict(storage, "p", { checks, writes: [...writes, put(at("new"))] }, [at(bad)])
        assert.deepEqual(digests(await storage.read("p", first)), digests(first.map(({ record }) => record)))
        assert.equal(await readOne(storage, "p", at("new")), undefined)
      }
      assert.deepEqual(leavesOf(await storage.list("p", "c", everything)), leaves)
      // More than the batches of usual stores hold, and what fails comes last.
      const many = Array.from({ length: 200 }, (_, i) => put(at(`${i}`, "many"), "before"))
      await mustCommit(storage, "p", many)
      const checks = many.map((write, i) => (i === 199 ? stale(write) : unchanged(write)))
      await mustConflict(storage, "p", { checks, writes: many.map((write) => put(write, "after")) }, [
        at("199", "many"),
      ])
      assert.deepEqual(digests(await storage.read("p", many)), digests(many.map(({ record }) => record)))
    },
  },
  {
    id: "commits-name-failures",
    title: "evaluates all checks and names exactly those that failed",
    async run({ storage }) {
      const [there, other] = [put(at("there")), put(at("other", "d"))]
      await mustCommit(storage, "p", [there, other])
      const checks = [absent(at("there")), unchanged(other), stale(at("gone")), absent(at("new")), stale(at("other"))]
      const writes = [put(at("there")), put(at("new"))]
      await mustConflict(storage, "p", { checks, writes }, [at("there"), at("gone"), at("other")])
      const records = await storage.read("p", [at("there"), at("new"), at("other", "d")])
      assert.deepEqual(digests(records), [digest(there.record), "absent", digest(other.record)])
      const many = Array.from({ length: 200 }, (_, i) => at(`${i}`))
      const failed = many.filter((_, i) => i % 3 === 0)
      await mustCommit(
        storage,
        "p",
        failed.map((address) => put(address)),
      )
      await mustConflict(storage, "p", { checks: many.map(absent), writes: many.map((a) => put(a)) }, failed)
    },
  },
  {
    id: "commits-check-alone",
    title: "checks a record that the commit does not write, and leaves it as it is",
    async run({ storage }) {
      const guard = put(at("guard", "guards"))
      await mustCommit(storage, "p", [guard])
      await mustCommit(storage, "p", [put(at("a"))], [unchanged(guard)])
      assert.equal(digest(await readOne(storage, "p", guard)), digest(guard.record))
      await mustCommit(storage, "p", [put(at("b"))], [unchanged(guard)])
      const next = put(guard)
      await mustCommit(storage, "p", [next], [unchanged(guard)])
      await mustConflict(storage, "p", { checks: [unchanged(guard)], writes: [put(at("c"))] }, [guard])
      await mustCommit(storage, "p", [remove(guard)])
      await mustConflict(storage, "p", { checks: [unchanged(next)], writes: [put(at("c"))] }, [guard])
      assert.deepEqual(leavesOf(await storage.list("p", "c", everything)), ["a", "b"])
    },
  },
  {
    id: "commits-delete",
    title: "deletes, with checks and without, also what is not there, and lets it come back",
    async run({ storage }) {
      const a = put(at("a"))
      await mustCommit(storage, "p", [a, put(at("b"))])
      await mustConflict(storage, "p", { checks: [stale(a)], writes: [remove(a)] }, [a])
      assert.equal(digest(await readOne(storage, "p", a)), digest(a.record))
      await mustCommit(storage, "p", [remove(a)], [unchanged(a)])
      await mustConflict(storage, "p", { checks: [unchanged(a)], writes: [remove(a)] }, [a])
      await mustCommit(storage, "p", [remove(a), remove(at("never", "there"))])
      assert.deepEqual(leavesOf(await storage.list("p", "c", everything)), ["b"])
      const again = put(a)
      await mustCommit(storage, "p", [again], [absent(a)])
      assert.equal(digest(await readOne(storage, "p", a)), digest(again.record))
      await mustCommit(storage, "p", [remove(a), remove(at("b"))], [unchanged(again)])
      await mustBeEmpty(storage, "p", "c")
    },
  },
  {
    id: "commits-late-copy",
    title: "answers a late copy of a commit with a conflict that names its receipt, and changes nothing",
    async run({ storage }) {
      const before = put(at("a"), "before")
      await mustCommit(storage, "p", [before])
      const revision = newRevision()
      const receipt = put(at(revision, "receipts"), "receipt", revision)
      const first = {
        checks: [absent(receipt), unchanged(before)],
        writes: [receipt, put(at("a"), "first", revision), put(at("b"), "first", revision)],
      }
      await mustCommit(storage, "p", first.writes, first.checks)
      // The record that it checked has changed too, by the commit itself.
      await mustConflict(storage, "p", first, [receipt, at("a")])
      const later = [put(at("a"), "later"), remove(at("b"))]
      await mustCommit(storage, "p", later)
      await mustConflict(storage, "p", first, [receipt, at("a")])
      await mustConflict(storage, "p", { checks: [absent(receipt)], writes: first.writes }, [receipt])
      const found = await storage.read("p", [receipt, at("a"), at("b")])
      assert.deepEqual(digests(found), digests([receipt.record, later[0]?.record, undefined]))
    },
  },
  {
    id: "commits-copies-at-once",
    title: "applies one of many copies of a commit that arrive at the same time",
    async run(subject) {
      const { storage } = subject
      for (let round = 0; round < 5; round++) {
        const p = subject.partition()
        const receipt = put(at("receipt", "receipts"))
        const commit = { checks: [absent(receipt)], writes: [receipt, put(at("a"))] }
        const results = await Promise.all(Array.from({ length: 20 }, () => send(storage, p, commit)))
        const refused = results.filter(({ status }) => status === "conflict")
        assert.equal(refused.length, results.length - 1)
        for (const result of refused) assertConflict(result, [receipt])
      }
    },
  },
]
