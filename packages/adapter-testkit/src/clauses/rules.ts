import assert from "node:assert/strict"
import type { Commit } from "@strongroom/core"
import { mustBeEmpty, mustReject } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { absent, at, everything, newRevision, put, remove, stale } from "../records.ts"

const badNames = ["", "a/b", "a b", "a\0b", "a\n", "\u00e4", "x".repeat(129)]

/** Commits that break a rule of the port, by the rule. */
export const brokenCommits = (): ReadonlyMap<string, Commit> => {
  const writes = [put(at("a"))]
  const revised = (revision: string) => [put(at("a"), "x", revision)]
  return new Map<string, Commit>([
    ["no writes", { checks: [], writes: [] }],
    ["only checks", { checks: [stale(at("a"))], writes: [] }],
    ["two writes at one address", { checks: [], writes: [put(at("a")), remove(at("a"))] }],
    ["two checks at one address", { checks: [absent(at("a")), stale(at("a"))], writes }],
    ["absence checked where nothing is written", { checks: [absent(at("b"))], writes }],
    ["a revision of one character", { checks: [], writes: revised("1") }],
    ["a revision in lower case", { checks: [], writes: revised("a".repeat(26)) }],
    ["a checked revision that is none", { checks: [{ ...at("b"), revision: "a".repeat(26) }], writes }],
    ...badNames.flatMap((name): [string, Commit][] => [
      [`a written leaf named ${JSON.stringify(name)}`, { checks: [], writes: [put(at("b")), put(at(name))] }],
      [`a written collection named ${JSON.stringify(name)}`, { checks: [], writes: [put(at("a", name))] }],
      [`a checked leaf named ${JSON.stringify(name)}`, { checks: [stale(at(name))], writes }],
    ]),
  ])
}

export const rules: readonly Clause[] = [
  {
    id: "rules-commit",
    title: "refuses commits that break the rules of the port with FATAL, and writes nothing",
    async run({ storage }) {
      for (const [rule, commit] of brokenCommits()) {
        await mustReject(() => storage.commit("p", commit), "FATAL", rule)
      }
      for (const name of badNames) {
        const commit = { checks: [], writes: [put(at("a"))] }
        await mustReject(() => storage.commit(name, commit), "FATAL", `a partition named ${JSON.stringify(name)}`)
      }
      await mustBeEmpty(storage, "p", "c")
    },
  },
  {
    id: "rules-read",
    title: "refuses reads and lists that break the rules of the port with FATAL",
    async run({ storage }) {
      for (const name of badNames) {
        const why = `a name ${JSON.stringify(name)}`
        await mustReject(() => storage.read(name, []), "FATAL", `${why}, partition of a read`)
        await mustReject(() => storage.read("p", [at("a"), at(name)]), "FATAL", `${why}, leaf of a read`)
        await mustReject(() => storage.read("p", [at("a", name)]), "FATAL", `${why}, collection of a read`)
        await mustReject(() => storage.list(name, "c", everything), "FATAL", `${why}, partition of a list`)
        await mustReject(() => storage.list("p", name, everything), "FATAL", `${why}, collection of a list`)
        await mustReject(() => storage.list("p", "c", { ...everything, after: name }), "FATAL", `${why}, after`)
      }
      for (const options of [{ limit: 0 }, { limit: 1.5 }, { maxBytes: -1 }, { maxBytes: Number.NaN }]) {
        const call = () => storage.list("p", "c", { ...everything, ...options })
        await mustReject(call, "FATAL", `a list with ${JSON.stringify(options)}`)
      }
      // A revision that no commit has written is no broken rule.
      assert.equal(
        (await storage.commit("p", { checks: [{ ...at("a"), revision: newRevision() }], writes: [put(at("a"))] }))
          .status,
        "conflict",
      )
    },
  },
]
