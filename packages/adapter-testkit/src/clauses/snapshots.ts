import assert from "node:assert/strict"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, digests, everything, newRevision, put, remove } from "../records.ts"

const set = ["a", "b", "c", "d", "e", "f"].map((leaf) => at(leaf))

/** 100 writers replace or delete the whole set, each in commits of their own, while `look` runs again and again. */
const whileWriting = async (writer: StorageAdapter, look: () => Promise<void>): Promise<void> => {
  let writing = true
  const writers = Array.from({ length: 100 }, async (_, i) => {
    for (let round = 0; round < 2; round++) {
      const revision = newRevision()
      const gone = (i + round) % 7 === 0
      await mustCommit(
        writer,
        "p",
        set.map((address) => (gone ? remove(address) : put(address, revision, revision))),
      )
    }
  })
  const written = Promise.all(writers).finally(() => {
    writing = false
  })
  const looks = [0, 1, 2].map(async () => {
    do {
      await look()
      // Adapters that answer without leaving this turn would let nobody else in.
      await nextTurn()
    } while (writing)
  })
  await Promise.all([written, ...looks])
}

const reading = (reader: StorageAdapter) => async (): Promise<void> => {
  const found = new Set(digests(await reader.read("p", set)))
  assert.equal(found.size, 1, `one read saw records of different commits: ${[...found].join("; ")}`)
}

const listing = (reader: StorageAdapter) => async (): Promise<void> => {
  const { records } = await reader.list("p", "c", everything)
  assert.ok(records.length === 0 || records.length === set.length, `one page saw ${records.length} of ${set.length}`)
  const found = new Set(digests(records.map(({ record }) => record)))
  assert.ok(found.size <= 1, `one page saw records of different commits: ${[...found].join("; ")}`)
}

export const snapshots: readonly Clause[] = [
  {
    id: "snapshots-read",
    title: "reads all addresses from one snapshot while 100 writers replace them together",
    run: ({ storage }) => whileWriting(storage, reading(storage)),
  },
  {
    id: "snapshots-page",
    title: "lists a page from one snapshot while 100 writers replace its records together",
    run: ({ storage }) => whileWriting(storage, listing(storage)),
  },
  {
    id: "clients-snapshots",
    title: "reads and lists from one snapshot while 100 writers replace the records through another client",
    needs: "second",
    async run(subject) {
      const reader = await subject.second()
      await whileWriting(subject.storage, async () => {
        await Promise.all([reading(reader)(), listing(reader)()])
      })
    },
  },
]
