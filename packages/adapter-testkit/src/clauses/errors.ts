import assert from "node:assert/strict"
import { inspect } from "node:util"
import type { StorageAdapter } from "@strongroom/core"
import { codeOf, mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { absent, at, everything, put, stale } from "../records.ts"
import { brokenCommits } from "./rules.ts"

const codes = ["UNKNOWN_OUTCOME", "UNAVAILABLE", "BUSY", "LIMIT", "CLOSED", "FATAL"]
const needle = "needle-in-the-record"

/** The needle as text, as an array of numbers, in hexadecimal and in base64, in whatever form an error shows bytes. */
const forms = [
  needle,
  [...Buffer.from(needle)].join(","),
  Buffer.from(needle).toString("hex"),
  Buffer.from(needle).toString("base64url"),
]

const provocations = (storage: StorageAdapter): (() => Promise<unknown>)[] => {
  const { recordBytes, commitRecords, commitBytes } = storage.limits
  const bytes = Buffer.from(needle)
  const large = new Uint8Array(recordBytes + 1)
  large.set(bytes)
  const full = Array.from({ length: Math.floor(commitBytes / recordBytes) + 1 }, (_, i) =>
    put(at(`${i}`), large.subarray(0, recordBytes)),
  )
  const many = Array.from({ length: commitRecords + 1 }, (_, i) => put(at(`${i}`), bytes))
  const held = put(at("held"), bytes)
  const aborted = { signal: AbortSignal.abort() }
  return [
    ...[[put(at("a"), large)], full, many].map((writes) => () => storage.commit("p", { checks: [], writes })),
    ...[...brokenCommits().values()].map(({ checks, writes }) => {
      return () => storage.commit("p", { checks, writes: writes.length > 0 ? [...writes, held] : [] })
    }),
    // Where a name should stand anything may stand, what was meant as a value among it.
    () => storage.commit("p", { checks: [stale(at(`${needle}!`))], writes: [held] }),
    () => storage.commit("p", { checks: [], writes: [put(at("a", `${needle}!`), bytes)] }),
    () => storage.commit("p", { checks: [absent(at("a"))], writes: [held] }),
    () => storage.commit("p", { checks: [], writes: [put(at("a"), bytes, `${needle}!`)] }),
    () => storage.commit("p", { checks: [], writes: [held] }, aborted),
    () => storage.read("p", [held], aborted),
    () => storage.read("p", [at(`${needle}!`)]),
    () => storage.list("p", "c", { ...everything, after: `${needle}!` }),
    () => storage.list("p", "c", { ...everything, limit: 0 }),
    () => storage.list("p", "c", { ...everything, ...aborted }),
  ]
}

const inspectError = async (call: () => Promise<unknown>): Promise<void> => {
  const error: unknown = await call().then(
    () => assert.fail("a call that must be refused was accepted"),
    (reason: unknown) => reason,
  )
  assert.ok(codes.includes(String(codeOf(error))), `an error with the code ${String(codeOf(error))}`)
  const shown = inspect(error, {
    depth: Number.POSITIVE_INFINITY,
    showHidden: true,
    // The needle stands at the beginning of whatever it stands in.
    maxArrayLength: 1_000,
    maxStringLength: 10_000,
    breakLength: Number.POSITIVE_INFINITY,
  }).replaceAll(/\s/g, "")
  for (const form of forms) {
    // The assertion must not show the bytes either.
    assert.ok(!shown.includes(form), `an error with the code ${String(codeOf(error))} shows what was to be stored`)
  }
}

export const errors: readonly Clause[] = [
  {
    id: "errors-without-bytes",
    title: "rejects with one of the port's codes, and shows no stored byte and no malformed name in any error",
    async run({ storage }) {
      await mustCommit(storage, "p", [put(at("held"), needle)])
      const calls = provocations(storage)
      for (const call of calls) await inspectError(call)
      await storage.close()
      for (const call of calls) await inspectError(call)
    },
  },
]
