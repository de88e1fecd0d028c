import assert from "node:assert/strict"
import type { Check, StoredRecord, Write } from "@strongroom/core"
import fc from "fast-check"
import { assertConflict, send } from "../calls.ts"
import type { Clause, Subject } from "../clause.ts"
import { checkProperty } from "../property.ts"
import { absent, at, digests, everything, nameOf, put, remove, stale } from "../records.ts"

const leaves = ["0", "1", "2", "3"]
const collections = ["a", "a.b"]

const part = fc.record({
  address: fc.record({ collection: fc.constantFrom(...collections), leaf: fc.constantFrom(...leaves) }),
  check: fc.constantFrom("none", "none", "present", "absent", "stale"),
  write: fc.constantFrom("none", "put", "put", "delete"),
  bytes: fc.uint8Array({ maxLength: 40 }),
})

const step = fc.record({
  partition: fc.constantFrom(0, 1),
  parts: fc.uniqueArray(part, { minLength: 1, maxLength: 6, selector: ({ address }) => nameOf(address) }),
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What the store should hold, by `collection/leaf`. */
type Model = Map<string, StoredRecord>

const commitOf = ({ parts }: Step, model: Model): { checks: Check[]; writes: Write[] } => {
  const checks: Check[] = []
  const writes: Write[] = []
  for (const { address, check, write, bytes } of parts) {
    if (write !== "none") writes.push(write === "put" ? put(address, bytes) : remove(address))
    const present = model.get(nameOf(address))?.revision
    if (check === "stale") checks.push(stale(address))
    else if (check === "absent" && write !== "none") checks.push(absent(address))
    else if (check === "present" && present !== undefined) checks.push({ ...address, revision: present })
  }
  return { checks, writes }
}

const apply = (writes: readonly Write[], model: Model): void => {
  for (const { record, ...address } of writes) {
    if (record === undefined) model.delete(nameOf(address))
    else model.set(nameOf(address), record)
  }
}

const compare = async ({ storage }: Subject, partition: string, model: Model): Promise<void> => {
  for (const collection of collections) {
    const expected = leaves.map((leaf) => model.get(nameOf({ collection, leaf })))
    const found = await storage.read(
      partition,
      leaves.map((leaf) => at(leaf, collection)),
    )
    assert.deepEqual(digests(found), digests(expected))
    const page = await storage.list(partition, collection, everything)
    assert.deepEqual(
      page.records.map(({ leaf }) => leaf),
      leaves.filter((_, i) => expected[i] !== undefined),
    )
    assert.deepEqual(
      digests(page.records.map(({ record }) => record)),
      digests(expected.filter((record) => record !== undefined)),
    )
  }
}

export const model: readonly Clause[] = [
  {
    id: "model-random-commits",
    title: "behaves like a map under random commits, one after the other",
    run: (subject) =>
      checkProperty(
        fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
          const stores = [0, 1].map(() => ({ partition: subject.partition(), model: new Map<string, StoredRecord>() }))
          for (const next of steps) {
            const store = stores[next.partition]
            if (store === undefined) continue
            const commit = commitOf(next, store.model)
            if (commit.writes.length === 0) continue
            const failed = commit.checks.filter((check) => store.model.get(nameOf(check))?.revision !== check.revision)
            const result = await send(subject.storage, store.partition, commit)
            if (failed.length > 0) assertConflict(result, failed)
            else {
              assert.equal(result.status, "committed")
              apply(commit.writes, store.model)
            }
          }
          for (const { partition, model } of stores) await compare(subject, partition, model)
        }),
        50,
      ),
  },
]
