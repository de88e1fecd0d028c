/** Clients that know too little of each other, and stores that lose what they acknowledged. */
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises"
import { memoryStorage, type StorageAdapter, type StoredRecord } from "@strongroom/core"
import type { MakeStore } from "../../src/index.ts"
import { type Mutate, memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"
import { writesOneByOne } from "./snapshots.ts"

/** A client keeps what it has read until it commits, or for a moment. */
const cachesReads: Mutate = (client) => {
  const cache = new Map<string, readonly (StoredRecord | undefined)[]>()
  let underWay = 0
  return {
    async read(partition, addresses, options) {
      const key = JSON.stringify([partition, addresses])
      const cached = cache.get(key)
      if (cached !== undefined) return cached
      const found = await client.read(partition, addresses, options)
      if (underWay === 0) cache.set(key, found)
      setTimeout(() => cache.delete(key), 20)
      return found
    },
    async commit(partition, commit, options) {
      underWay++
      cache.clear()
      try {
        return await client.commit(partition, commit, options)
      } finally {
        cache.clear()
        underWay--
      }
    },
  }
}

/** Answers some reads from the snapshot that the read before it has used. */
const readsAgain: Mutate = (client) => {
  let reads = 0
  const last = new Map<string, readonly (StoredRecord | undefined)[]>()
  return {
    async read(partition, addresses, options) {
      const key = JSON.stringify([partition, addresses])
      const old = last.get(key)
      const found = await client.read(partition, addresses, options)
      last.set(key, found)
      return ++reads % 5 === 0 && old !== undefined ? old : found
    },
  }
}

/** The disk is written behind the back of those who wait, every fifth commit. */
const acknowledgesBeforeItsSync: MakeStore = async () => {
  const disk = memoryStorage()
  const make = memoryStore((client) => {
    const unsynced: Parameters<StorageAdapter["commit"]>[] = []
    return {
      async commit(partition, commit, options) {
        const result = await client.commit(partition, commit, options)
        if (result.status === "committed") unsynced.push([partition, { checks: [], writes: commit.writes }])
        if (unsynced.length >= 5) for (const call of unsynced.splice(0)) await disk.commit(...call)
        return result
      },
    }
  })
  return { ...(await make()), reopen: async () => disk }
}

/** Whoever closes it first drops what waits, and says that it was written. */
const dropsWhatWaits: Mutate = (client) => {
  let closed = false
  return {
    async commit(partition, commit, options) {
      if (closed) return client.commit(partition, commit, options)
      await nextTurn()
      return closed ? { status: "committed" } : client.commit(partition, commit, options)
    },
    async close() {
      closed = true
      await client.close()
    },
  }
}

export const clients: readonly Mutant[] = [
  {
    name: "reads from a cache that knows nothing of the other client",
    caughtBy: "clients-recent",
    saying: /a read after the commit returned/,
    keeps: ["histories", "contention-counter", "snapshots-read"],
    make: memoryStore(cachesReads),
  },
  {
    name: "reads from a cache at any time",
    caughtBy: "clients-histories",
    saying: /No order of these calls/,
    keeps: ["histories"],
    make: memoryStore(cachesReads),
  },
  {
    name: "repeats an old answer now and then",
    caughtBy: "histories",
    saying: /No order of these calls/,
    keeps: ["model-random-commits"],
    make: memoryStore(readsAgain),
  },
  {
    name: "takes the others' connection down when one is closed",
    caughtBy: "clients-close",
    saying: /CLOSED|closed/,
    keeps: ["close-finishes", "close-twice"],
    make: memoryStore((client, memory) => ({
      async close() {
        await client.close()
        await memory.close()
      },
    })),
  },
  {
    name: "acknowledges before its sync",
    caughtBy: "reopen-finds-all",
    saying: /stays|'0'/,
    keeps: ["clients-recent", "close-finishes"],
    make: acknowledgesBeforeItsSync,
  },
  {
    name: "drops what waits when it is closed, and says that it was written",
    caughtBy: "reopen-under-load",
    saying: /before-0|then-0/,
    keeps: ["reopen-finds-all", "close-finishes"],
    make: memoryStore(dropsWhatWaits),
  },
  {
    name: "leaves half a commit when its process is killed",
    caughtBy: "peer-killed",
    saying: /torn|differ/,
    keeps: ["reopen-finds-all"],
    make: memoryStore(writesOneByOne(async (i) => (i === 2 ? delay(3) : undefined))),
  },
]
