import { type Commit, memoryStorage } from "@strongroom/core"
import fc from "fast-check"
import { expect, it } from "vitest"
import type { Call } from "../../src/histories/calls.ts"
import { checkLinearizable } from "../../src/histories/linearizability.ts"
import { type State, stateAfter } from "../../src/histories/model.ts"
import { check, put, rejected, remove, x, y } from "./support/calls.ts"

const isUnknown = ({ reply }: Call) => reply.status === "rejected"

/** Returned before the other was called, as far as one can know. */
const isBefore = (left: Call, right: Call) => !isUnknown(left) && left.returned < right.invoked

/** Tries every order of the calls, with and without each of those whose outcome is unknown. */
const bruteForce = (rest: readonly Call[], state: State = new Map(), order: readonly Call[] = []): boolean =>
  rest.every(isUnknown) ||
  rest.some((call) => {
    const others = rest.filter((other) => other !== call)
    const next = stateAfter(state, call)
    return (
      (isUnknown(call) && bruteForce(others, state, order)) ||
      (next !== undefined && !order.some((done) => isBefore(call, done)) && bruteForce(others, next, [...order, call]))
    )
  })

type Request =
  | { readonly kind: "read"; readonly isLost: boolean }
  | { readonly kind: "list"; readonly isLost: boolean }
  | { readonly kind: "commit"; readonly isLost: boolean; readonly commit: Commit }

const revisionOf = (index: number) => String(index).padStart(26, "0")

/** Commits to two addresses that check for each other's revisions, reads of both, and lists. */
const requestAt = (index: number): fc.Arbitrary<Request> => {
  const revision = fc.option(fc.nat({ max: 4 }).map(revisionOf), { nil: undefined })
  const commit = fc
    .tuple(fc.subarray([x, y], { minLength: 1 }), fc.subarray([x, y]), revision, fc.nat({ max: 4 }))
    .map(([written, checked, expected, kind]): Commit => {
      const checks = checked.map((address) => check(address, expected))
      return {
        checks: checks.filter((one) => one.revision !== undefined || written.some(({ leaf }) => leaf === one.leaf)),
        writes: written.map((address) => (kind === 0 ? remove(address) : put(address, revisionOf(index)))),
      }
    })
  return fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom("read" as const, "list" as const), isLost: fc.constant(false) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("commit" as const),
        isLost: fc.nat({ max: 3 }).map((n) => n === 0),
        commit,
      }),
    },
  )
}

const requests = fc.tuple(...[0, 1, 2, 3, 4].map(requestAt))
const events = Array.from({ length: 10 }, (_, index) => index)
const moments = fc.shuffledSubarray(events, { minLength: 10 })

/** Replies as a store gave them that took the calls one by one, and spans that may say otherwise. */
const historyOf = async (asked: readonly Request[], times: readonly number[]): Promise<readonly Call[]> => {
  const store = memoryStorage()
  const calls: Call[] = []
  for (const [client, request] of asked.entries()) {
    const span = [times[2 * client] ?? 0, times[2 * client + 1] ?? 0]
    const timed = { client, invoked: Math.min(...span), returned: Math.max(...span) }
    if (request.kind === "read") {
      const records = await store.read("p", [x, y])
      calls.push({ ...timed, kind: "read", addresses: [x, y], reply: { status: "read", records } })
    } else if (request.kind === "list") {
      const options = { limit: 1, maxBytes: 1_000 }
      const page = await store.list("p", "c", options)
      calls.push({ ...timed, kind: "list", collection: "c", options, reply: { status: "listed", page } })
    } else {
      const reply = await store.commit("p", request.commit)
      const told = request.isLost ? rejected("UNKNOWN_OUTCOME") : reply
      calls.push({ ...timed, kind: "commit", commit: request.commit, reply: told })
    }
  }
  return calls
}

it("the linearizability check agrees with a trial of all orders, on small histories", async () => {
  const verdicts = { right: 0, wrong: 0 }
  await fc.assert(
    fc.asyncProperty(requests, moments, async (asked, times) => {
      const history = await historyOf(asked, times)
      const { linearizable, order } = checkLinearizable(history)
      expect(linearizable).toBe(bruteForce(history))
      verdicts[linearizable ? "right" : "wrong"]++
      if (!linearizable) return
      // The order given is a witness.
      expect(history.filter((call) => !order.includes(call)).every(isUnknown)).toBe(true)
      expect(order.some((call, index) => order.slice(0, index).some((done) => isBefore(call, done)))).toBe(false)
      expect(
        order.reduce<State | undefined>((state, call) => state && stateAfter(state, call), new Map()),
      ).toBeDefined()
    }),
    { numRuns: 3_000 },
  )
  expect(verdicts.right).toBeGreaterThan(300)
  expect(verdicts.wrong).toBeGreaterThan(300)
})
