import { setImmediate } from "node:timers/promises"
import { type Commit, memoryStorage, type StorageAdapter } from "@strongroom/core"
import { injectFaults } from "../../../src/faults.ts"

/** A window in which others may act: one microtask, or one turn of the event loop. */
export type Gap = () => Promise<unknown>
export const gaps = { "a microtask": async () => {}, "a turn of the event loop": () => setImmediate() } as const

/** Clients of one new store that is wrong in one way. */
export type BrokenStore = (gap: Gap) => readonly StorageAdapter[]

/** Two clients of a store whose commits are made of several steps. */
const withCommit =
  (
    commit: (
      inner: StorageAdapter,
      gap: Gap,
      partition: string,
      content: Commit,
    ) => ReturnType<StorageAdapter["commit"]>,
  ) =>
  (gap: Gap): readonly StorageAdapter[] => {
    const inner = memoryStorage()
    const client = { ...inner, commit: (partition: string, content: Commit) => commit(inner, gap, partition, content) }
    return [client, client]
  }

const failing = async (inner: StorageAdapter, partition: string, { checks }: Commit) => {
  const found = await inner.read(partition, checks)
  return checks.filter((check, index) => check.revision !== found[index]?.revision)
}

/** Looks at the checks, lets others act, and then writes if those of the checks that it still looks at hold. */
const checksThenWrites = (again: (content: Commit) => Commit["checks"]) =>
  withCommit(async (inner, gap, partition, content) => {
    const failed = await failing(inner, partition, content)
    if (failed.length > 0) return { status: "conflict", addresses: failed }
    await gap()
    return inner.commit(partition, { ...content, checks: again(content) })
  })

const isWritten = ({ writes }: Commit, at: Commit["checks"][number]) =>
  writes.some(({ collection, leaf }) => collection === at.collection && leaf === at.leaf)

/** A second client whose reads are served by a copy that lags behind. */
const laggingReplica: BrokenStore = (gap) => {
  const primary = memoryStorage()
  const replica = memoryStorage()
  const commit: StorageAdapter["commit"] = async (partition, content) => {
    const result = await primary.commit(partition, content)
    if (result.status === "committed") void gap().then(() => replica.commit(partition, { ...content, checks: [] }))
    return result
  }
  return [
    { ...primary, commit },
    { ...replica, commit },
  ]
}

/** The classic faults, and some that adapters have had. */
export const brokenStores: Readonly<Record<string, BrokenStore>> = {
  "a lost update: checks, and then writes": checksThenWrites(() => []),
  "write skew: a record that is merely checked is not locked": checksThenWrites((content) =>
    content.checks.filter((check) => isWritten(content, check)),
  ),
  "a torn read: one address after the other": (gap) => {
    const inner = memoryStorage()
    const read: StorageAdapter["read"] = async (partition, addresses) => {
      const records = []
      for (const address of addresses) {
        records.push(...(await inner.read(partition, [address])))
        await gap()
      }
      return records
    }
    return [{ ...inner, read }]
  },
  "a torn commit: one write after the other": withCommit(async (inner, gap, partition, { checks, writes }) => {
    const [first, ...rest] = writes
    if (first === undefined) return { status: "committed" }
    const result = await inner.commit(partition, {
      checks: checks.filter(({ revision }) => revision !== undefined),
      writes: [first],
    })
    if (result.status === "conflict") return result
    for (const write of rest) {
      await gap()
      await inner.commit(partition, { checks: [], writes: [write] })
    }
    return result
  }),
  "a torn page: leaves first, records later": (gap) => {
    const inner = memoryStorage()
    const list: StorageAdapter["list"] = async (partition, collection, options) => {
      const page = await inner.list(partition, collection, options)
      await gap()
      const found = await inner.read(
        partition,
        page.records.map(({ leaf }) => ({ collection, leaf })),
      )
      const records = page.records.map(({ leaf, record }, index) => ({ leaf, record: found[index] ?? record }))
      return { ...page, records }
    }
    return [{ ...inner, list }]
  },
  "stale reads of a second client": laggingReplica,
  "an acknowledgement before the fact": withCommit(async (inner, gap, partition, content) => {
    const failed = await failing(inner, partition, content)
    if (failed.length > 0) return { status: "conflict", addresses: failed }
    void gap().then(() => inner.commit(partition, content))
    return { status: "committed" }
  }),
  "a conflict although the commit was applied": () => {
    const injector = injectFaults(memoryStorage())
    let commits = 0
    injector.arm(({ kind }) => (kind === "commit" && ++commits % 5 === 0 ? { kind: "twice" } : undefined))
    return [injector.storage]
  },
  "a conflict that does not name all": withCommit(async (inner, _, partition, content) => {
    const result = await inner.commit(partition, content)
    return result.status === "conflict" ? { ...result, addresses: result.addresses.slice(0, 1) } : result
  }),
  "BUSY although the commit was applied": withCommit(async (inner, _, partition, content) => {
    const result = await inner.commit(partition, content)
    if (result.status === "committed" && content.writes.length === 2) throw Object.assign(new Error(), { code: "BUSY" })
    return result
  }),
  "a copy that is applied again later": (gap) => {
    const inner = memoryStorage()
    const commit: StorageAdapter["commit"] = async (partition, content) => {
      const result = await inner.commit(partition, content)
      if (content.checks.length === 0) void gap().then(() => inner.commit(partition, content))
      return result
    }
    return [{ ...inner, commit }]
  },
}
