import fc from "fast-check"

const slow = process.env["STRONGROOM_SLOW"] === "1"

/** A number of runs, ten times as many under STRONGROOM_SLOW=1. */
export const runs = (count: number): number => Math.max(1, Math.round(slow ? count * 10 : count))

/** Vitest must not give up before fast-check has printed seed and path. */
export const timeout = slow ? 1_200_000 : 120_000

/**
 * Checks an asynchronous property; a failure is shrunk for a limited time, so that it is always reported. `seed` is for
 * what must come out the same each time.
 */
export const check = <Ts>(property: fc.IAsyncProperty<Ts>, count: number, seed?: number): Promise<void> =>
  fc.assert(property, {
    numRuns: runs(count),
    interruptAfterTimeLimit: timeout * 0.75,
    ...(seed === undefined ? {} : { seed }),
  })
