/** Commits, reads and pages of which one can see a part. */
import { setImmediate as nextTurn } from "node:timers/promises"
import type { CommitResult, ListedRecord, StoredRecord } from "@strongroom/core"
import { type Mutate, memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"

/** A batch that is no transaction: each write is a step of its own, with a pause before all but the first. */
export const writesOneByOne =
  (pause: (i: number) => Promise<unknown>): Mutate =>
  (client) => ({
    async commit(partition, commit, options) {
      const found = await client.read(partition, commit.checks)
      const failed = commit.checks.some(({ revision }, i) => revision !== found[i]?.revision)
      if (failed || commit.writes.length === 0) return client.commit(partition, commit, options)
      for (const [i, write] of commit.writes.entries()) {
        if (i > 0) await pause(i)
        await client.commit(partition, { checks: [], writes: [write] })
      }
      return { status: "committed" }
    },
  })

const readsOneByOne: Mutate = (client) => ({
  async read(partition, addresses) {
    const found: (StoredRecord | undefined)[] = []
    for (const address of addresses) {
      found.push(...(await client.read(partition, [address])))
      await nextTurn()
    }
    return found
  },
})

/** The index first, then the records that it names. */
const listsIndexFirst: Mutate = (client) => ({
  async list(partition, collection, options) {
    const page = await client.list(partition, collection, options)
    const records: ListedRecord[] = []
    for (const { leaf } of page.records) {
      const [record] = await client.read(partition, [{ collection, leaf }])
      if (record !== undefined) records.push({ leaf, record })
      await nextTurn()
    }
    return { records, more: page.more }
  },
})

/** Undoes what went before the write that could not be done, but not all of it. */
const rollsBackBadly: Mutate = (client, memory) => ({
  async commit(partition, commit, options) {
    const result: CommitResult = await client.commit(partition, commit, options)
    const [first] = commit.writes
    if (result.status === "conflict" && first !== undefined)
      await memory.commit(partition, { checks: [], writes: [first] })
    return result
  },
})

export const snapshots: readonly Mutant[] = [
  {
    name: "leaves the first write of a commit in conflict",
    caughtBy: "commits-all-or-nothing",
    saying: /sha256/,
    make: memoryStore(rollsBackBadly),
  },
  {
    name: "writes a batch one by one",
    caughtBy: "snapshots-read",
    saying: /one read saw records of different commits/,
    keeps: ["commits-all-or-nothing", "model-random-commits"],
    make: memoryStore(writesOneByOne(() => nextTurn())),
  },
  {
    name: "reads addresses one by one",
    caughtBy: "snapshots-read",
    saying: /one read saw records of different commits/,
    keeps: ["snapshots-page", "contention-counter"],
    make: memoryStore(readsOneByOne),
  },
  {
    name: "lists the index first and reads the records later",
    caughtBy: "snapshots-page",
    saying: /one page saw/,
    keeps: ["snapshots-read", "pages-order"],
    make: memoryStore(listsIndexFirst),
  },
  {
    name: "lists the index first, and another client writes meanwhile",
    caughtBy: "clients-snapshots",
    saying: /one page saw/,
    make: memoryStore(listsIndexFirst),
  },
]
