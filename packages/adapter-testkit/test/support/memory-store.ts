import { setImmediate as nextTurn } from "node:timers/promises"
import type { MakeStore, Peer } from "@strongroom/adapter-testkit"
import { memoryStorage, type StorageAdapter, StorageError, type StorageLimits, validateCommit } from "@strongroom/core"
import { writePair } from "../../src/peer.ts"

/** The least that the port asks for, so that the clauses about limits are quick. */
export const limits: StorageLimits = { recordBytes: 1 << 20, commitRecords: 1_000, commitBytes: 8 << 20 }

/** What lies behind all clients of a store, and never closes before it. */
interface Behind {
  readonly memory: StorageAdapter
  readonly written: Uint8Array[]
}

/** Calls of a process that has been killed never come to an end. */
const clientOf = ({ memory, written }: Behind, isAlive: () => boolean): StorageAdapter => {
  let closed = false
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) throw new StorageError("CLOSED", "the storage is closed")
    return isAlive() ? work() : new Promise<T>(() => {})
  }
  return {
    limits,
    capabilities: { durable: true, shared: true, exceptions: [] },
    read: (partition, addresses, options) => call(() => memory.read(partition, addresses, options)),
    list: (partition, collection, options) => call(() => memory.list(partition, collection, options)),
    commit: (partition, commit, options) =>
      call(async () => {
        if (options?.signal?.aborted !== true) validateCommit(partition, commit, limits)
        const result = await memory.commit(partition, commit, options)
        for (const { record } of commit.writes) if (record !== undefined) written.push(record.bytes)
        return result
      }),
    close: async () => {
      closed = true
    },
  }
}

/** What a mutant does differently. */
export type Mutate = (client: StorageAdapter, memory: StorageAdapter) => Partial<StorageAdapter>

/** A peer in this process. To be killed is to do nothing any more, in the middle of whatever it was. */
const localPeer = (open: (isAlive: () => boolean) => StorageAdapter, name: string): Peer => {
  const acknowledged: string[] = []
  let alive = true
  const storage = open(() => alive)
  const write = async (): Promise<void> => {
    for (let n = 0; alive; n++) {
      const leaf = `${name}-${n}`
      if (await writePair(storage, leaf)) acknowledged.push(leaf)
      await nextTurn()
    }
  }
  void write()
  return {
    acknowledged,
    failure: undefined,
    async kill() {
      alive = false
    },
  }
}

/** A shared, durable store on memory that keeps every clause, but for what a mutation breaks. */
export const memoryStore =
  (mutate: Mutate = () => ({})): MakeStore =>
  async () => {
    const behind: Behind = { memory: memoryStorage(), written: [] }
    const open = (isAlive: () => boolean = () => true): StorageAdapter => {
      const client = clientOf(behind, isAlive)
      return { ...client, ...mutate(client, behind.memory) }
    }
    let peers = 0
    return {
      storage: open(),
      reopen: async () => open(),
      second: async () => open(),
      peek: async () => behind.written,
      peer: async () => localPeer(open, `peer-${++peers}`),
      dispose: () => behind.memory.close(),
    }
  }
