/** Checks that are lost, late, weak or badly reported. */
import { setImmediate as nextTurn } from "node:timers/promises"
import type { Check, Commit, CommitResult, StorageAdapter } from "@strongroom/core"
import type { MakeStore } from "../../src/index.ts"
import { type Mutate, memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"

const conflictAt = (failed: readonly Check[]): CommitResult => ({
  status: "conflict",
  addresses: failed.map(({ collection, leaf }) => ({ collection, leaf })),
})

const failedOf = async (storage: StorageAdapter, partition: string, checks: readonly Check[]): Promise<Check[]> => {
  const found = await storage.read(partition, checks)
  return checks.filter(({ revision }, i) => found[i]?.revision !== revision)
}

/** The mistake that every first draft makes: others come between the checks and the writes. */
export const checkThenWrite: Mutate = (client) => ({
  async commit(partition, commit) {
    const failed = await failedOf(client, partition, commit.checks)
    await nextTurn()
    return failed.length > 0 ? conflictAt(failed) : client.commit(partition, { ...commit, checks: [] })
  },
})

type Lock = <T>(work: () => Promise<T>) => Promise<T>

const makeLock = (): Lock => {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
}

/** A lock around the same. */
const lockedBy =
  (lock: Lock): Mutate =>
  (client, memory) => {
    const { commit = client.commit } = checkThenWrite(client, memory)
    return { commit: (partition, content) => lock(() => commit(partition, content)) }
  }

/** Each client has a lock of its own. */
const lockPerClient: Mutate = (client, memory) => lockedBy(makeLock())(client, memory)

/** All clients in one process share a lock, and its peers know nothing of it. */
const lockPerProcess: MakeStore = async () => {
  const ours = makeLock()
  let lock = ours
  const store = await memoryStore((client, memory) => lockedBy(lock)(client, memory))()
  return {
    ...store,
    async peer() {
      lock = makeLock()
      const peer = store.peer?.()
      lock = ours
      if (peer === undefined) throw new Error("the store has no peer")
      return peer
    },
  }
}

/** Writers of one record exclude each other; a record that is only checked is looked at and let go. */
const snapshotIsolation =
  (retries: boolean): Mutate =>
  (client) => ({
    async commit(partition, commit) {
      for (;;) {
        const failed = await failedOf(client, partition, commit.checks)
        if (failed.length > 0) return conflictAt(failed)
        const before = await client.read(partition, commit.writes)
        await nextTurn()
        const locks = commit.writes.map(({ collection, leaf }, i) => ({
          collection,
          leaf,
          revision: before[i]?.revision,
        }))
        const result = await client.commit(partition, { checks: locks, writes: commit.writes })
        if (result.status === "committed" || !retries) return result
      }
    },
  })

/** Changes the content of each commit on its way. */
const sending =
  (change: (commit: Commit) => Commit): Mutate =>
  (client) => ({
    commit: (partition, commit, options) => client.commit(partition, change(commit), options),
  })

/** Changes what conflicts name. */
const answering =
  (change: (failed: readonly Check[], commit: Commit) => readonly Check[]): Mutate =>
  (client) => ({
    async commit(partition, commit, options) {
      const result = await client.commit(partition, commit, options)
      if (result.status === "committed") return result
      const named = new Set(result.addresses.map(({ collection, leaf }) => `${collection}/${leaf}`))
      return conflictAt(
        change(
          commit.checks.filter((check) => named.has(`${check.collection}/${check.leaf}`)),
          commit,
        ),
      )
    },
  })

export const checks: readonly Mutant[] = [
  {
    name: "loses the last of several checks",
    caughtBy: "commits-all-or-nothing",
    saying: /committed/,
    make: memoryStore(
      sending((commit) => ({
        ...commit,
        checks: commit.checks.length > 1 ? commit.checks.slice(0, -1) : commit.checks,
      })),
    ),
  },
  {
    name: "names the first failed check only",
    caughtBy: "commits-name-failures",
    saying: /other/,
    keeps: ["commits-all-or-nothing"],
    make: memoryStore(answering((failed) => failed.slice(0, 1))),
  },
  {
    name: "names every check of a commit in conflict",
    caughtBy: "commits-all-or-nothing",
    saying: /c\/b/,
    make: memoryStore(answering((_, commit) => commit.checks)),
  },
  {
    name: "never checks what it deletes",
    caughtBy: "commits-delete",
    saying: /committed/,
    keeps: ["commits-check-alone"],
    make: memoryStore(
      sending((commit) => {
        const deleted = commit.writes.filter(({ record }) => record === undefined)
        const kept = commit.checks.filter(({ collection, leaf }) => {
          return !deleted.some((write) => write.collection === collection && write.leaf === leaf)
        })
        return { ...commit, checks: kept }
      }),
    ),
  },
  {
    name: "gives a record that is only checked a new revision, to lock it",
    caughtBy: "commits-check-alone",
    saying: /sha256/,
    keeps: ["contention-write-skew"],
    make: memoryStore((client) => ({
      async commit(partition, commit) {
        const found = await client.read(partition, commit.checks)
        const touched = commit.checks.flatMap(({ collection, leaf }, i) => {
          const bytes = found[i]?.bytes
          const revision = commit.writes[0]?.record?.revision
          if (commit.writes.some((write) => write.leaf === leaf && write.collection === collection)) return []
          return bytes === undefined || revision === undefined
            ? []
            : [{ collection, leaf, record: { bytes, revision } }]
        })
        return client.commit(partition, { ...commit, writes: [...commit.writes, ...touched] })
      },
    })),
  },
  {
    name: "takes its own revision for a proof that a late copy was never applied",
    caughtBy: "commits-late-copy",
    saying: /committed/,
    keeps: ["commits-name-failures"],
    make: memoryStore((client) => ({
      async commit(partition, commit) {
        const own = new Set(commit.writes.map(({ record }) => record?.revision))
        const found = await client.read(partition, commit.checks)
        const checks = commit.checks.filter((_, i) => !own.has(found[i]?.revision ?? "none"))
        return client.commit(partition, { ...commit, checks })
      },
    })),
  },
  {
    name: "checks, and then writes: a record is created twice",
    caughtBy: "contention-create",
    saying: /50 of 50 created/,
    keeps: ["commits-all-or-nothing", "model-random-commits"],
    make: memoryStore(checkThenWrite),
  },
  {
    name: "checks, and then writes: increments get lost",
    caughtBy: "contention-counter",
    saying: /'128'/,
    make: memoryStore(checkThenWrite),
  },
  {
    name: "checks, and then writes: copies at the same time are all applied",
    caughtBy: "commits-copies-at-once",
    saying: /19/,
    make: memoryStore(checkThenWrite),
  },
  {
    name: "isolates snapshots, but does not lock what is only checked",
    caughtBy: "contention-write-skew",
    saying: /2 of 2 commits that exclude each other/,
    keeps: ["contention-create", "contention-counter", "snapshots-read"],
    make: memoryStore(snapshotIsolation(true)),
  },
  {
    name: "calls a race that it lost a conflict",
    caughtBy: "contention-no-conflict",
    saying: /not: conflict at c\/a/,
    keeps: ["contention-create", "contention-counter"],
    make: memoryStore(snapshotIsolation(false)),
  },
  {
    name: "has a lock per client: two create the same record",
    caughtBy: "clients-create",
    saying: /2 of 50 created/,
    keeps: ["contention-create", "commits-copies-at-once"],
    make: memoryStore(lockPerClient),
  },
  {
    name: "has a lock per client: increments get lost",
    caughtBy: "clients-counter",
    saying: /'128'/,
    keeps: ["contention-counter"],
    make: memoryStore(lockPerClient),
  },
  {
    name: "has a lock per client: write skew",
    caughtBy: "clients-write-skew",
    saying: /commits that exclude each other/,
    keeps: ["contention-write-skew"],
    make: memoryStore(lockPerClient),
  },
  {
    name: "has a lock per process",
    caughtBy: "peer-killed",
    saying: /the counter and the pairs differ/,
    keeps: ["clients-create", "clients-counter", "clients-write-skew", "clients-histories"],
    make: lockPerProcess,
  },
  {
    name: "forgets a commit now and then",
    caughtBy: "model-random-commits",
    saying: /seed/,
    keeps: ["commits-check-alone"],
    make: memoryStore((client) => {
      let commits = 0
      return {
        commit: async (partition, commit) =>
          ++commits % 12 === 0 ? { status: "committed" } : client.commit(partition, commit),
      }
    }),
  },
  {
    name: "forgets the commit that a request of the engine needs next",
    caughtBy: "engine-story",
    saying: /./,
    keeps: ["values-exact"],
    make: memoryStore((client) => {
      let commits = 0
      return {
        commit: async (partition, commit) =>
          ++commits === 2 ? { status: "committed" } : client.commit(partition, commit),
      }
    }),
  },
]
