import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { codeOf, mustCommit, mustReject, readOne } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, digests, everything, newRevision, put } from "../records.ts"

/** Moments at which a commit may be aborted, from at once to (on most stores) too late. */
const moments: readonly (() => Promise<unknown>)[] = [
  async () => {},
  () => Promise.resolve(),
  () => nextTurn(),
  () => nextTurn().then(() => nextTurn()),
  () => delay(1),
  () => delay(3),
]

const aborted = async (storage: StorageAdapter, leaf: string, moment: () => Promise<unknown>): Promise<unknown> => {
  const abort = new AbortController()
  const revision = newRevision()
  const writes = [put(at(leaf, "left"), "x", revision), put(at(leaf, "right"), "x", revision)]
  const outcome = storage.commit("p", { checks: [], writes }, { signal: abort.signal }).then(
    ({ status }) => status,
    (error: unknown) => codeOf(error),
  )
  await moment()
  abort.abort()
  return outcome
}

export const aborts: readonly Clause[] = [
  {
    id: "abort-before",
    title: "sends nothing when the signal is aborted already, and says UNAVAILABLE",
    async run({ storage }) {
      const options = { signal: AbortSignal.abort() }
      const commit = { checks: [], writes: [put(at("a"))] }
      await mustReject(() => storage.commit("p", commit, options), "UNAVAILABLE", "an aborted commit")
      await mustReject(() => storage.read("p", [at("a")], options), "UNAVAILABLE", "an aborted read")
      await mustReject(() => storage.list("p", "c", { ...everything, ...options }), "UNAVAILABLE", "an aborted list")
      assert.equal(await readOne(storage, "p", at("a")), undefined)
    },
  },
  {
    id: "abort-during",
    title:
      "ends an aborted commit as committed or UNKNOWN_OUTCOME (UNAVAILABLE if it was not sent), and never tears it",
    async run({ storage }) {
      const commits = moments.flatMap((moment, m) =>
        Array.from({ length: 5 }, (_, i) => ({ leaf: `${m}-${i}`, moment })),
      )
      const outcomes = await Promise.all(commits.map(({ leaf, moment }) => aborted(storage, leaf, moment)))
      // Behind this one there is nothing of theirs on its way in most stores; where there is, it still must not be torn.
      await mustCommit(storage, "p", [put(at("last"))])
      for (const [i, { leaf }] of commits.entries()) {
        const found = digests(await storage.read("p", [at(leaf, "left"), at(leaf, "right")]))
        assert.equal(found[0], found[1], `the commit of ${leaf} ended as ${String(outcomes[i])} and was torn`)
        const applied = found[0] !== "absent"
        const allowed = applied ? ["committed", "UNKNOWN_OUTCOME"] : ["UNKNOWN_OUTCOME", "UNAVAILABLE"]
        assert.ok(
          allowed.some((outcome) => outcome === outcomes[i]),
          `a commit that was ${applied ? "" : "not "}applied ended as ${String(outcomes[i])}`,
        )
      }
    },
  },
  {
    id: "abort-never",
    title: "takes a signal that is never aborted, again and again, and leaves no listener on it for each call",
    async run({ storage }) {
      const options = { signal: new AbortController().signal }
      const listeners: number[] = []
      for (let round = 0; round < 10; round++) {
        const result = await storage.commit("p", { checks: [], writes: [put(at("a"))] }, options)
        assert.equal(result.status, "committed")
        assert.equal((await storage.read("p", [at("a")], options)).length, 1)
        assert.equal((await storage.list("p", "c", { ...everything, ...options })).records.length, 1)
        await nextTurn()
        listeners.push(getEventListeners(options.signal, "abort").length)
      }
      const [first = 0, last = 0] = [listeners[0], listeners.at(-1)]
      assert.ok(last <= first, `${first} listeners after the first calls, ${last} after ten times as many`)
    },
  },
]
