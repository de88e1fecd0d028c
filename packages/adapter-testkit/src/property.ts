import fc from "fast-check"

/**
 * Checks a property on the same examples in every run. Another seed: `fc.configureGlobal({ seed })` before the tests.
 * A failure prints seed and path.
 */
export const checkProperty = <Ts>(property: fc.IAsyncProperty<Ts>, numRuns: number): Promise<void> =>
  fc.assert(property, {
    seed: fc.readConfigureGlobal()?.seed ?? 20261121,
    numRuns,
    interruptAfterTimeLimit: 30_000,
  })
