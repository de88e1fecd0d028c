import { setImmediate } from "node:timers/promises"
import fc from "fast-check"
import type { Fault, FaultPlan } from "../../../src/faults.ts"

const soonOrNever = fc.oneof(fc.nat({ max: 15 }), fc.constant(1_000_000))

/** Some turns of the event loop: time enough for others to act. */
const turns = (count: number) => async (): Promise<void> => {
  for (let i = 0; i < count; i++) await setImmediate()
}

const refused = fc.record({
  kind: fc.constant("refuse" as const),
  code: fc.constantFrom("UNAVAILABLE" as const, "BUSY" as const, "LIMIT" as const, "FATAL" as const),
})
const unclear = fc.record({
  kind: fc.constantFrom("lose-request" as const, "lose-reply" as const, "foreign" as const, "twice" as const),
})
const late = fc.record({ kind: fc.constantFrom("again-late" as const, "late" as const), after: soonOrNever })
const slow = fc.record({
  kind: fc.constantFrom("slow-request" as const, "slow-reply" as const),
  until: fc.integer({ min: 1, max: 8 }).map(turns),
})

/** Seldom slow: the rarest errors need several other faults in a row. */
export const anyFault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: refused },
  { weight: 4, arbitrary: unclear },
  { weight: 4, arbitrary: late },
  { weight: 1, arbitrary: slow },
)

/** A plan that goes round a list of faults for commits, and spares most reads, since a failed read ends an operation. */
export const planOf = (faults: readonly (Fault | undefined)[]): FaultPlan => {
  let commits = 0
  let reads = 0
  return ({ kind }) => {
    if (kind === "commit") return faults[commits++ % faults.length]
    return ++reads % 17 === 0 ? { kind: "refuse", code: "UNAVAILABLE" } : undefined
  }
}

/** About `share` of all commits go wrong, in a pattern of at least `least` commits. */
export const faultyPlan = (share: number, least = 1): fc.Arbitrary<readonly (Fault | undefined)[]> =>
  fc.array(
    fc.oneof(
      { weight: Math.round(share * 100), arbitrary: anyFault },
      { weight: Math.round((1 - share) * 100), arbitrary: fc.constant(undefined) },
    ),
    { minLength: least, maxLength: 60 },
  )
