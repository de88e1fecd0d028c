import type { Address, StorageAdapter, StoredRecord, Write } from "../../../src/ports/storage.ts"
import { nameOf } from "../../../src/records/sealed-record.ts"
import { memoryStorage } from "../../../src/storage/memory.ts"

/** One stored record and where it stands. */
export interface Stored extends Address {
  readonly partition: string
  readonly record: StoredRecord
}

/** A store with its back door: what somebody can do who reads and writes the database itself. */
export interface Database {
  /** What the engine is given. */
  readonly storage: StorageAdapter
  /** Everything that is stored, sorted by name. */
  readonly records: () => readonly Stored[]
  readonly find: (name: string) => Stored | undefined
  /** Writes past the engine. */
  readonly put: (...stored: readonly Stored[]) => Promise<void>
  /** Deletes past the engine. */
  readonly remove: (...stored: readonly Stored[]) => Promise<void>
  /** Commits of the engine that were applied. */
  readonly commits: () => number
}

export const openDatabase = async (initial: readonly Stored[] = []): Promise<Database> => {
  const inner = memoryStorage()
  const stored = new Map<string, Stored>()
  let commits = 0

  const note = (partition: string, writes: readonly Write[]) => {
    for (const { collection, leaf, record } of writes) {
      const name = nameOf({ partition, collection, leaf })
      if (record === undefined) stored.delete(name)
      else stored.set(name, { partition, collection, leaf, record })
    }
  }

  const apply = async (changes: readonly (Address & { partition: string; record: StoredRecord | undefined })[]) => {
    for (const [partition, writes] of Map.groupBy(changes, (change) => change.partition)) {
      const bare = writes.map(({ collection, leaf, record }) => ({ collection, leaf, record }))
      const { status } = await inner.commit(partition, { checks: [], writes: bare })
      if (status !== "committed") throw new Error("the attack did not take place")
      note(partition, bare)
    }
  }
  await apply(initial)

  return {
    storage: {
      limits: inner.limits,
      capabilities: inner.capabilities,
      read: (...call) => inner.read(...call),
      list: (...call) => inner.list(...call),
      commit: async (partition, commit, options) => {
        const result = await inner.commit(partition, commit, options)
        if (result.status === "committed") {
          note(partition, commit.writes)
          commits++
        }
        return result
      },
      close: () => inner.close(),
    },
    records: () => [...stored.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    find: (name) => stored.get(name),
    put: (...changes) => apply(changes),
    remove: (...changes) => apply(changes.map((change) => ({ ...change, record: undefined }))),
    commits: () => commits,
  }
}
