import type { Address, Commit, CommitResult, StorageAdapter } from "../../src/ports/storage.ts"

/** A call as it reaches an adapter. */
export type StorageCall =
  | { readonly kind: "read"; readonly partition: string; readonly addresses: readonly Address[] }
  | { readonly kind: "list"; readonly partition: string; readonly collection: string }
  | { readonly kind: "commit"; readonly partition: string; readonly commit: Commit }

export interface Around {
  /** Runs before a call; what it rejects with, the call rejects with. */
  readonly before?: (call: StorageCall) => Promise<void> | void
  /** Runs after a commit has replied. */
  readonly committed?: (partition: string, commit: Commit, result: CommitResult) => Promise<void> | void
}

/** An adapter with something around its calls. Closing it closes the one inside. */
export const intercept = (inner: StorageAdapter, { before, committed }: Around): StorageAdapter => ({
  limits: inner.limits,
  capabilities: inner.capabilities,
  async read(partition, addresses, options) {
    await before?.({ kind: "read", partition, addresses })
    return inner.read(partition, addresses, options)
  },
  async list(partition, collection, options) {
    await before?.({ kind: "list", partition, collection })
    return inner.list(partition, collection, options)
  },
  async commit(partition, commit, options) {
    await before?.({ kind: "commit", partition, commit })
    const result = await inner.commit(partition, commit, options)
    await committed?.(partition, commit, result)
    return result
  },
  close: () => inner.close(),
})
