import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { check, timeout } from "../../../core/test/support/runs.ts"
import { faultKinds } from "../../src/faults.ts"
import {
  engineCommitter,
  flawedCommitter,
  type MakeCommitter,
  type Simulation,
  simulate,
} from "./support/committer-model.ts"
import { faultyPlan, planOf } from "./support/fault-arbitraries.ts"

const violations = ({ lost, denied, doubled }: Simulation) => ({ lost, denied, doubled })
const none = { lost: 0, denied: 0, doubled: 0 }

/** Simulates with harsh faults, a few hundred commits a run, and holds each against something. */
const simulations = (makeCommitter: MakeCommitter, count: number, hold: (result: Simulation) => void, seed?: number) =>
  check(
    fc.asyncProperty(fc.oneof(faultyPlan(0.9), fc.noBias(faultyPlan(0.4, 40))), async (faults) => {
      hold(await simulate(makeCommitter, planOf(faults), 6, 12))
    }),
    count,
    seed,
  )

describe("receipts and fences", () => {
  it("never report what does not hold, over thousands of commits with harsh faults", { timeout }, async () => {
    const results: Simulation[] = []
    await simulations(engineCommitter, 60, (result) => {
      results.push(result)
      expect(violations(result)).toEqual(none)
    })
    const total = (of: (result: Simulation) => number) => results.reduce((sum, result) => sum + of(result), 0)
    expect(total(({ commits }) => commits)).toBeGreaterThan(3_000)
    expect(total(({ appliedLate }) => appliedLate)).toBeGreaterThan(50)
    for (const kind of faultKinds) {
      const times = total(({ faults }) => faults[kind])
      expect(times, kind).toBeGreaterThan(50)
    }
    for (const report of ["committed", "conflict", "refused", "unknown"] as const) {
      const times = total(({ reports }) => reports[report])
      expect(times, report).toBeGreaterThan(50)
    }
  })

  // The same simulation catches each simpler algorithm, so it is able to fail.
  it.each([
    ["plain retry", { withoutReceipt: true }, "doubled"],
    ["a receipt without a fence", { withoutFence: true }, "denied"],
    ["a fence that is not looked at", { trustsFence: true }, "denied"],
    ["a refusal believed while a copy is in doubt", { forgetsDoubt: true }, "denied"],
  ] as const)("are needed: %s is caught", { timeout }, async (_, flaws, kind) => {
    const results: Simulation[] = []
    await simulations(flawedCommitter(flaws), 20, (result) => results.push(result), 1)
    expect(results.reduce((sum, result) => sum + result[kind], 0)).toBeGreaterThan(0)
  })

  it("have a model without flaws that is as right as the engine's", { timeout }, () =>
    simulations(flawedCommitter({}), 20, (result) => expect(violations(result)).toEqual(none)),
  )
})
