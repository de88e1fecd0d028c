import { AssertionError } from "node:assert"
import type { StorageAdapter } from "@strongroom/core"
import fc from "fast-check"
import type { Call } from "./calls.ts"
import { describeHistory } from "./describe-history.ts"
import { checkLinearizable } from "./linearizability.ts"
import { plans } from "./plans.ts"
import { runPlan } from "./run-plan.ts"

export interface HistoryOptions {
  /** How many histories, of some ten calls each. */
  readonly runs: number
  /** A partition that nobody has used before, for each history. */
  readonly partition: () => string
  /** From the message of a failure, to begin there again. */
  readonly seed?: number
  readonly path?: string
}

/** A store that is slow, or that fails by chance alone, could be shrunk for ever. */
const mostShrinks = 500

/**
 * Lets several clients read, list and commit at the same time, in ways that fast-check makes up, and checks that what they
 * were told is linearizable. The clients are spread over the adapters, which are to be of one store; with a single
 * adapter they share it.
 *
 * Rejects with an AssertionError that shows the shortest failing history that was found, and the seed and path with which
 * to begin again. (A real store's timing is its own, so the same plan need not fail again.) It also rejects when no
 * commit, no read or no list was ever answered, since that would explain anything.
 */
export const randomHistories = async (
  adapters: readonly StorageAdapter[],
  { runs, partition, ...replay }: HistoryOptions,
): Promise<void> => {
  const answered = new Set<string>()
  let shortest: readonly Call[] | undefined
  let shrinks = 0

  const details = await fc.check(
    fc.asyncProperty(plans, async (plan) => {
      if (shortest !== undefined && ++shrinks > mostShrinks) return true
      const history = await runPlan(plan, adapters, partition())
      for (const { reply } of history) answered.add(reply.status)
      const { linearizable } = checkLinearizable(history)
      if (!linearizable && history.length <= (shortest?.length ?? Infinity)) shortest = history
      return linearizable
    }),
    { numRuns: runs, ...replay },
  )

  if (details.failed) {
    const again = `Repeat it with { seed: ${details.seed}, path: "${details.counterexamplePath}" }.`
    if (shortest !== undefined) throw new AssertionError({ message: `${describeHistory(shortest)}\n${again}` })
    const error = new AssertionError({ message: `A reply that no store may give: see the cause.\n${again}` })
    throw Object.assign(error, { cause: details.errorInstance })
  }
  for (const status of ["read", "listed", "committed"]) {
    if (!answered.has(status)) throw new AssertionError({ message: `In ${runs} histories no call was ever ${status}.` })
  }
}
