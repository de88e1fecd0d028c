import type { StorageAdapter } from "../../src/ports/storage.ts"

/** A process that is killed, as far as the store can tell. */
export interface Dying {
  readonly storage: StorageAdapter
  /** Counts commits from now: the process dies at the `at`-th (from 0), before or after the store has applied it. */
  readonly dieAt: (at: number, when: "before" | "after") => void
  /** Resolves when the process has died. No call is answered after that. */
  readonly died: Promise<void>
}

const silence = <A>(): Promise<A> => new Promise(() => {})

export const dying = (inner: StorageAdapter): Dying => {
  let left = Number.POSITIVE_INFINITY
  let applies = false
  let dead = false
  let tell = () => {}
  const died = new Promise<void>((resolve) => {
    tell = resolve
  })
  const die = <A>(): Promise<A> => {
    dead = true
    tell()
    return silence()
  }
  return {
    storage: {
      limits: inner.limits,
      capabilities: inner.capabilities,
      read: (partition, addresses, options) => (dead ? silence() : inner.read(partition, addresses, options)),
      list: (partition, collection, options) => (dead ? silence() : inner.list(partition, collection, options)),
      async commit(partition, commit, options) {
        if (dead) return silence()
        const last = left-- === 0
        if (last && !applies) return die()
        const result = await inner.commit(partition, commit, options)
        return last ? die() : result
      },
      close: () => inner.close(),
    },
    dieAt(at, when) {
      left = at
      applies = when === "after"
    },
    died,
  }
}
