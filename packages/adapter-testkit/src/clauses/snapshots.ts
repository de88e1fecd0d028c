import assert from "node:assert/strict"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { Address, StorageAdapter, StoredRecord } from "@strongroom/core"
import { mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, digests, everything, newRevision, put, remove } from "../records.ts"

interface Round {
  readonly collection: string
  readonly set: readonly Address[]
  readonly writers: number
}

const roundOf = (collection: string, size: number, writers: number): Round => ({
  collection,
  set: Array.from({ length: size }, (_, i) => at(`${1_000 + i}`, collection)),
  writers,
})

/** A few records that many write; and more than the batches of usual stores hold (25, 100, 128), written by fewer. */
const rounds = [roundOf("few", 6, 100), roundOf("many", 201, 10)]

type Look = (round: Round) => Promise<void>

/** Every commit writes two thirds of the set and removes the other, which is not always the same. */
const replace = (writer: StorageAdapter, { set }: Round, nth: number): Promise<void> => {
  const revision = newRevision()
  return mustCommit(
    writer,
    "p",
    set.map((address, i) => (i % 3 === nth % 3 ? remove(address) : put(address, revision, revision))),
  )
}

const requireOne = (what: string, { set }: Round, records: readonly (StoredRecord | undefined)[]): void => {
  const present = records.filter((record) => record !== undefined)
  const found = new Set(digests(present))
  assert.ok(found.size < 2, `${what} saw records of different commits: ${[...found].join("; ")}`)
  const left = (set.length / 3) * 2
  assert.equal(present.length, left, `${what} saw ${present.length} records where every commit left ${left}`)
}

/** While writers replace the set, each in commits of its own, `look` runs again and again. */
const duringRound = async (writer: StorageAdapter, round: Round, look: Look): Promise<void> => {
  await replace(writer, round, 0)
  let writing = true
  const writers = Array.from({ length: round.writers }, async (_, i) => {
    for (let n = 0; n < 2; n++) await replace(writer, round, i + n)
  })
  const written = Promise.all(writers).finally(() => {
    writing = false
  })
  const looks = [0, 1, 2].map(async () => {
    do {
      await look(round)
      // Adapters that answer without leaving this turn would let nobody else in.
      await nextTurn()
    } while (writing)
  })
  await Promise.all([written, ...looks])
}

const whileWriting = async (writer: StorageAdapter, look: Look): Promise<void> => {
  for (const round of rounds) await duringRound(writer, round, look)
}

const reading =
  (reader: StorageAdapter): Look =>
  async (round) =>
    requireOne("one read", round, await reader.read("p", round.set))

const listing =
  (reader: StorageAdapter): Look =>
  async (round) => {
    const { records } = await reader.list("p", round.collection, everything)
    requireOne(
      "one page",
      round,
      records.map(({ record }) => record),
    )
  }

export const snapshots: readonly Clause[] = [
  {
    id: "snapshots-read",
    title: "reads all addresses from one snapshot, 6 or 201, while many writers replace them together",
    run: ({ storage }) => whileWriting(storage, reading(storage)),
  },
  {
    id: "snapshots-page",
    title: "lists a page from one snapshot, of 6 records or 201, while many writers replace them together",
    run: ({ storage }) => whileWriting(storage, listing(storage)),
  },
  {
    id: "clients-snapshots",
    title: "reads and lists from one snapshot while many writers replace the records through another client",
    needs: "second",
    async run(subject) {
      const reader = await subject.second()
      await whileWriting(subject.storage, async (round) => {
        await Promise.all([reading(reader)(round), listing(reader)(round)])
      })
    },
  },
]
