import type { Commit, CommitResult } from "@strongroom/core"
import fc from "fast-check"
import type { AnyBulkWriteOperation } from "mongodb"
import { expect, it } from "vitest"
import { keyOf, type RecordDocument } from "../../src/documents.ts"
import { planBatch } from "../../src/plan-batch.ts"

type Operation = AnyBulkWriteOperation<RecordDocument>

/** Revisions by key: all that decides a commit. */
type State = Map<string, string>

const leaves = ["a", "b", "c", "d"]
const address = fc.record({ collection: fc.constantFrom("c", "d"), leaf: fc.constantFrom(...leaves) })
// Few, so that checks hold, and a record is written over itself.
const revision = fc.constantFrom("1", "2", "3").map((digit) => digit.repeat(26))

const distinct = <T extends { collection: string; leaf: string }>(arbitrary: fc.Arbitrary<T>, minLength = 0) =>
  fc.uniqueArray(arbitrary, { selector: keyOf, minLength, maxLength: 4 })

const commit: fc.Arbitrary<Commit> = fc.record({
  checks: distinct(
    fc.tuple(address, fc.option(revision, { nil: undefined })).map(([at, expected]) => ({ ...at, revision: expected })),
  ),
  writes: distinct(
    fc.tuple(address, fc.option(revision, { nil: undefined })).map(([at, written]) => ({
      ...at,
      record: written === undefined ? undefined : { revision: written, bytes: new Uint8Array(3) },
    })),
    1,
  ),
})

const state: fc.Arbitrary<State> = fc
  .array(fc.tuple(address.map(keyOf), revision), { maxLength: 8 })
  .map((all) => new Map(all))

/** The port's rule for one commit. */
const applyOne = (current: State, { checks, writes }: Commit): CommitResult => {
  const failed = checks.filter((check) => current.get(keyOf(check)) !== check.revision)
  if (failed.length > 0)
    return { status: "conflict", addresses: failed.map(({ collection, leaf }) => ({ collection, leaf })) }
  for (const write of writes) {
    if (write.record === undefined) current.delete(keyOf(write))
    else current.set(keyOf(write), write.record.revision)
  }
  return { status: "committed" }
}

/** What MongoDB does with the operations, in their order; a filter that matches nothing is a mistake of the plan. */
const execute = (before: State, operations: readonly Operation[]): { after: State; changed: Set<string> } => {
  const after = new Map(before)
  const changed = new Set<string>()
  const change = (at: { collection?: unknown; leaf?: unknown }, expected: unknown, to: string | undefined) => {
    const key = keyOf({ collection: String(at.collection), leaf: String(at.leaf) })
    expect(after.get(key)).toBe(expected)
    changed.add(key)
    if (to === undefined) after.delete(key)
    else after.set(key, to)
  }
  for (const operation of operations) {
    if ("insertOne" in operation) change(operation.insertOne.document, undefined, operation.insertOne.document.revision)
    else if ("replaceOne" in operation) {
      const { filter, replacement } = operation.replaceOne
      change(filter, filter.revision, replacement["revision"])
    } else if ("updateOne" in operation) {
      const { filter } = operation.updateOne
      change(filter, filter.revision, String(filter.revision))
    } else if ("deleteOne" in operation)
      change(operation.deleteOne.filter, operation.deleteOne.filter.revision, undefined)
    else throw new Error("an operation of another kind")
  }
  return { after, changed }
}

it("decides and writes as if the commits had come one after the other", () => {
  const seen = { conflict: 0, committed: 0 }
  fc.assert(
    fc.property(state, fc.array(commit, { minLength: 1, maxLength: 6 }), (before, batch) => {
      const { results, operations } = planBatch("p", batch, before)
      const expected = new Map(before)
      expect(results).toEqual(batch.map((each) => applyOne(expected, each)))
      expect(execute(before, operations).after).toEqual(expected)
      for (const { status } of results) seen[status]++
    }),
    { numRuns: 500 },
  )
  expect(Math.min(seen.conflict, seen.committed)).toBeGreaterThan(100)
})

it("changes every record that a commit touches which applies, and no other", () => {
  fc.assert(
    fc.property(state, fc.array(commit, { minLength: 1, maxLength: 6 }), (before, batch) => {
      const { results, operations } = planBatch("p", batch, before)
      const applied = batch.filter((_, index) => results[index]?.status === "committed")
      const touched = applied.flatMap(({ checks, writes }) => [...checks, ...writes].map(keyOf))
      expect(execute(before, operations).changed).toEqual(new Set(touched))
    }),
    { numRuns: 500 },
  )
})

it("makes no change that MongoDB may take for none: what is kept and what is replaced gets a new lock", () => {
  const revisions = new Map([
    ["c/kept", "1".repeat(26)],
    ["c/written", "1".repeat(26)],
  ])
  const again: Commit = {
    checks: [{ collection: "c", leaf: "kept", revision: "1".repeat(26) }],
    writes: [
      { collection: "c", leaf: "written", record: { revision: "1".repeat(26), bytes: new Uint8Array() } },
      { collection: "c", leaf: "new", record: { revision: "2".repeat(26), bytes: new Uint8Array() } },
    ],
  }
  const locks = () =>
    planBatch("p", [again], revisions).operations.flatMap((operation) => {
      if ("replaceOne" in operation) return [String(operation.replaceOne.replacement["lock"])]
      if ("updateOne" in operation) return [JSON.stringify(operation.updateOne.update)]
      return []
    })
  const [first, second] = [locks(), locks()]
  expect(first).toHaveLength(2)
  expect(new Set([...first, ...second]).size).toBe(4)
})
