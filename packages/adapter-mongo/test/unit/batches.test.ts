import { getEventListeners } from "node:events"
import { type Commit, type CommitResult, StorageError } from "@strongroom/core"
import { expect, it } from "vitest"
import { at, put } from "../../../adapter-testkit/src/records.ts"
import { Batches } from "../../src/batches.ts"

const limits = { recordBytes: 1_000, commitRecords: 4, commitBytes: 1_000 }
const commit = (leaf: string, bytes = 1, checks = 0): Commit => ({
  checks: Array.from({ length: checks }, (_, i) => ({ ...at(`${leaf}${i}`), revision: undefined })),
  writes: [put(at(leaf), "x".repeat(bytes))],
})
const committed: CommitResult = { status: "committed" }

/** Batches whose runs the test ends; `sent` has the leaves of each. */
const controlled = () => {
  const sent: string[][] = []
  const runs: ((outcomes: readonly (CommitResult | StorageError)[]) => void)[] = []
  const idle: number[] = []
  const batches = new Batches(
    limits,
    (batch) => {
      sent.push(batch.map(({ writes }) => writes[0]?.leaf ?? ""))
      const { promise, resolve } = Promise.withResolvers<readonly (CommitResult | StorageError)[]>()
      runs.push(resolve)
      return promise
    },
    () => idle.push(sent.length),
  )
  const end = (run: number, outcomes?: readonly (CommitResult | StorageError)[]) =>
    runs[run]?.(outcomes ?? (sent[run] ?? []).map(() => committed))
  return { batches, sent, end, idle }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const codeOf = (promise: Promise<unknown>) =>
  promise.then(String, (error: unknown) => Reflect.get(Object(error), "code"))

it("takes what comes in one turn together, and what comes later with the next batch, in order", async () => {
  const { batches, sent, end, idle } = controlled()
  const first = [batches.add(commit("a"), undefined), batches.add(commit("b"), undefined)]
  await turn()
  const second = [batches.add(commit("c"), undefined), batches.add(commit("d"), undefined)]
  await turn()
  expect(sent).toEqual([["a", "b"]])
  end(0, [committed, { status: "conflict", addresses: [at("b")] }])
  expect(await Promise.all(first)).toEqual([committed, { status: "conflict", addresses: [at("b")] }])
  await turn()
  expect(sent).toEqual([
    ["a", "b"],
    ["c", "d"],
  ])
  expect(idle).toEqual([])
  end(1)
  await Promise.all(second)
  await batches.settled()
  expect(idle).toEqual([2])
})

it("no batch is larger than one commit may be, unless it is one commit", async () => {
  const { batches, sent, end } = controlled()
  const all = [
    ...["a", "b", "c", "d", "e"].map((leaf) => batches.add(commit(leaf), undefined)),
    batches.add(commit("records", 1, 4), undefined),
    batches.add(commit("bytes", 1_000), undefined),
    batches.add(commit("small"), undefined),
  ]
  for (let run = 0; run < 5; run++) {
    await turn()
    end(run)
  }
  await Promise.all(all)
  expect(sent).toEqual([["a", "b", "c", "d"], ["e"], ["records"], ["bytes"], ["small"]])
})

it("an outcome that is an error rejects its own commit and no other", async () => {
  const { batches, end } = controlled()
  const [a, b] = [batches.add(commit("a"), undefined), batches.add(commit("b"), undefined)]
  await turn()
  end(0, [new StorageError("BUSY", "lost"), committed])
  expect([await codeOf(a), await b]).toEqual(["BUSY", committed])
})

it("aborted while it waits: UNAVAILABLE, and never sent; the others go on", async () => {
  const { batches, sent, end } = controlled()
  const first = batches.add(commit("a"), undefined)
  await turn()
  const abort = new AbortController()
  const [b, c] = [batches.add(commit("b"), abort.signal), batches.add(commit("c"), undefined)]
  abort.abort()
  expect(await codeOf(b)).toBe("UNAVAILABLE")
  end(0)
  await turn()
  end(1)
  await Promise.all([first, c])
  expect(sent).toEqual([["a"], ["c"]])
})

it("aborted in the turn in which it was added: never sent either", async () => {
  const { batches, sent, idle } = controlled()
  const abort = new AbortController()
  const a = batches.add(commit("a"), abort.signal)
  abort.abort()
  expect(await codeOf(a)).toBe("UNAVAILABLE")
  await turn()
  expect([sent, idle]).toEqual([[], [0]])
})

it("aborted after it was sent: UNKNOWN_OUTCOME at once, whatever becomes of it", async () => {
  const { batches, sent, end, idle } = controlled()
  const abort = new AbortController()
  const [a, b] = [batches.add(commit("a"), abort.signal), batches.add(commit("b"), undefined)]
  await turn()
  abort.abort()
  expect(await codeOf(a)).toBe("UNKNOWN_OUTCOME")
  expect(sent).toEqual([["a", "b"]])
  end(0)
  expect(await b).toEqual(committed)
  await batches.settled()
  expect(idle).toEqual([1])
})

it("leaves no listener on a signal that outlives the commit", async () => {
  const { batches, end } = controlled()
  const { signal } = new AbortController()
  const [a, b] = [batches.add(commit("a"), signal), batches.add(commit("b"), signal)]
  expect(getEventListeners(signal, "abort")).toHaveLength(2)
  await turn()
  end(0, [committed, new StorageError("UNKNOWN_OUTCOME", "cut")])
  await Promise.allSettled([a, b])
  expect(getEventListeners(signal, "abort")).toHaveLength(0)
})
