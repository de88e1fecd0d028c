/** Commits, reads and pages of which one can see a part. */
import { setImmediate as nextTurn } from "node:timers/promises"
import { type CommitResult, type ListedRecord, type StoredRecord, takePage } from "@strongroom/core"
import { everything } from "../../src/records.ts"
import { type Mutate, memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"

const batchesOf = <T>(size: number, all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** A commit of more than one batch is no transaction: there is a pause before each batch but the first. */
const writesInBatches =
  (size: number, pause: (i: number) => Promise<unknown>): Mutate =>
  (client) => ({
    async commit(partition, commit, options) {
      const found = await client.read(partition, commit.checks)
      const failed = commit.checks.some(({ revision }, i) => revision !== found[i]?.revision)
      if (failed || commit.writes.length <= size) return client.commit(partition, commit, options)
      for (const [i, writes] of batchesOf(size, commit.writes).entries()) {
        if (i > 0) await pause(i)
        await client.commit(partition, { checks: [], writes })
      }
      return { status: "committed" }
    },
  })

/** Each write is a step of its own. */
export const writesOneByOne = (pause: (i: number) => Promise<unknown>): Mutate => writesInBatches(1, pause)

/** Each batch is checked and written by itself, so that those before the one in conflict stay. */
const checksInBatches =
  (size: number): Mutate =>
  (client) => ({
    async commit(partition, commit, options) {
      if (commit.writes.length <= size) return client.commit(partition, commit, options)
      const left = new Map(commit.checks.map((check) => [`${check.collection}/${check.leaf}`, check]))
      for (const writes of batchesOf(size, commit.writes)) {
        const checks = writes.flatMap(({ collection, leaf }) => left.get(`${collection}/${leaf}`) ?? [])
        const result = await client.commit(partition, { checks, writes })
        if (result.status === "conflict") return result
      }
      return { status: "committed" }
    },
  })

const readsInBatches =
  (size: number): Mutate =>
  (client) => ({
    async read(partition, addresses, options) {
      if (addresses.length <= size) return client.read(partition, addresses, options)
      const found: (StoredRecord | undefined)[] = []
      for (const batch of batchesOf(size, addresses)) {
        found.push(...(await client.read(partition, batch, options)))
        await nextTurn()
      }
      return found
    },
  })

/** The index first, then, if there are more than `size`, the records that it names, all at once. */
const listsIndexOfMany =
  (size: number): Mutate =>
  (client) => ({
    async list(partition, collection, options) {
      const page = await client.list(partition, collection, options)
      if (page.records.length <= size) return page
      await nextTurn()
      const addresses = page.records.map(({ leaf }) => ({ collection, leaf }))
      const found = await client.read(partition, addresses)
      const records = addresses.flatMap(({ leaf }, i) => (found[i] ? [{ leaf, record: found[i] }] : []))
      return { records, more: page.more }
    },
  })

/** A page is put together from pages of a smaller size. */
const listsInBatches =
  (size: number): Mutate =>
  (client) => ({
    async list(partition, collection, options) {
      const records: ListedRecord[] = []
      for (let { after } = options, more = true; more; after = records.at(-1)?.leaf) {
        const page = await client.list(partition, collection, { ...everything, limit: size, ...(after && { after }) })
        records.push(...page.records)
        more = page.more
        if (more) await nextTurn()
      }
      return takePage(records, options)
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
    saying: /one read saw/,
    keeps: ["commits-all-or-nothing", "model-random-commits"],
    make: memoryStore(writesOneByOne(() => nextTurn())),
  },
  {
    name: "reads addresses one by one",
    caughtBy: "snapshots-read",
    saying: /one read saw/,
    keeps: ["snapshots-page", "contention-counter"],
    make: memoryStore(readsInBatches(1)),
  },
  {
    name: "writes large commits in batches of 100",
    caughtBy: "snapshots-read",
    saying: /one read saw/,
    keeps: ["commits-all-or-nothing", "commits-name-failures", "contention-counter", "model-random-commits"],
    make: memoryStore(writesInBatches(100, () => nextTurn())),
  },
  {
    name: "checks and writes large commits in batches of 100",
    caughtBy: "commits-all-or-nothing",
    saying: /sha256/,
    keeps: ["contention-counter", "contention-write-skew", "model-random-commits"],
    make: memoryStore(checksInBatches(100)),
  },
  {
    name: "reads many addresses in batches of 100",
    caughtBy: "snapshots-read",
    saying: /one read saw/,
    keeps: ["snapshots-page", "histories", "commits-all-or-nothing"],
    make: memoryStore(readsInBatches(100)),
  },
  {
    name: "lists many records in batches of 100",
    caughtBy: "snapshots-page",
    saying: /one page saw/,
    keeps: ["snapshots-read", "histories", "pages-order", "pages-large"],
    make: memoryStore(listsInBatches(100)),
  },
  {
    name: "lists the index first when there are many records, and reads those later",
    caughtBy: "snapshots-page",
    saying: /one page saw/,
    keeps: ["snapshots-read", "histories", "pages-large"],
    make: memoryStore(listsIndexOfMany(100)),
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
