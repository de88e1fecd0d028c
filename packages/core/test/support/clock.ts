import { type Clock, Effect } from "effect"

/** A clock that tests hold in their hands: its time moves only by `advance`, and by a millisecond with every sleep. */
export interface FakeClock extends Clock.Clock {
  readonly advance: (milliseconds: number) => void
}

/** `sleep` decides when a sleeper wakes, however long it meant to sleep: by default in the next turn of the event loop. */
export const fakeClock = (sleep: () => Promise<unknown> = () => new Promise(setImmediate)): FakeClock => {
  let now = Date.UTC(2026, 0, 1)
  const nanos = () => BigInt(now) * 1_000_000n
  return {
    advance: (milliseconds) => {
      now += milliseconds
    },
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: () =>
      Effect.promise(async () => {
        now += 1
        await sleep()
      }),
  }
}
