import type { StorageAdapter } from "@strongroom/core"

/** An adapter that remembers how many records the last commit wrote, and how long each was. */
export const recordsOf = (storage: StorageAdapter) => {
  let lengths: readonly number[] = []
  const watched: StorageAdapter = {
    ...storage,
    commit(partition, commit, options) {
      lengths = commit.writes.map(({ record }) => record?.bytes.length ?? 0)
      return storage.commit(partition, commit, options)
    },
  }
  return { watched, lengths: () => lengths }
}
