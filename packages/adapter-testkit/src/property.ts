import fc from "fast-check"

/** The same examples in every run. For others: `fc.configureGlobal({ seed })`, on the same fast-check, before the tests. */
export const seed = (): number => fc.readConfigureGlobal()?.seed ?? 20261121

/** A failure prints seed and path. A store that is too slow for all runs is checked on fewer. */
export const checkProperty = <Ts>(property: fc.IAsyncProperty<Ts>, numRuns: number): Promise<void> =>
  fc.assert(property, { seed: seed(), numRuns, interruptAfterTimeLimit: 30_000 })
