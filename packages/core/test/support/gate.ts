import type { Scheduler } from "fast-check"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { type FakeClock, fakeClock } from "./clock.ts"

/**
 * Puts every storage call, and every sleep, of an engine under a fast-check scheduler: one call runs at a time, and
 * all that follows from its reply happens before the next. So a race is nothing but the scheduler's choices.
 */
export interface Gate {
  readonly clock: FakeClock
  /** Calls go straight through until `close` is called. */
  readonly wrap: (inner: StorageAdapter) => StorageAdapter
  /** Starts something whose calls wait for the scheduler, and runs the scheduler until it has ended. */
  readonly race: <A>(start: () => Promise<A>) => Promise<A>
  /** How many calls were made during races. */
  readonly calls: () => number
}

export const gateOf = (scheduler: Scheduler): Gate => {
  let racing = false
  let running = 0
  let calls = 0

  const wait = async (label: string): Promise<void> => {
    if (racing) await scheduler.schedule(Promise.resolve(), label)
  }

  /** Lets the released call end, and everything that it sets off, before the scheduler chooses again. */
  const act = async (release: () => Promise<void>): Promise<void> => {
    await release()
    do await new Promise(setImmediate)
    while (running > 0)
  }

  const through = async <A>(label: string, call: () => Promise<A>): Promise<A> => {
    await wait(label)
    if (racing) calls++
    running++
    try {
      return await call()
    } finally {
      running--
    }
  }

  return {
    clock: fakeClock(async () => {
      if (racing) await wait("sleep")
      else await new Promise(setImmediate)
    }),
    wrap: (inner) => ({
      limits: inner.limits,
      capabilities: inner.capabilities,
      read: (partition, addresses, options) => through("read", () => inner.read(partition, addresses, options)),
      list: (partition, collection, options) => through("list", () => inner.list(partition, collection, options)),
      commit: (partition, commit, options) => through("commit", () => inner.commit(partition, commit, options)),
      close: () => inner.close(),
    }),
    async race(start) {
      racing = true
      try {
        return await scheduler.waitFor(start(), act)
      } finally {
        racing = false
      }
    },
    calls: () => calls,
  }
}
