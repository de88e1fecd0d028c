import { describe, expect, it } from "vitest"
import { type Clause, runClause } from "../../src/clause.ts"
import { clauses } from "../../src/clauses/all.ts"
import { memoryStore } from "../support/memory-store.ts"
import { checks } from "./checks.ts"
import { clients } from "./clients.ts"
import { pages } from "./pages.ts"
import { refusals } from "./refusals.ts"
import { snapshots } from "./snapshots.ts"
import { values } from "./values.ts"

const mutants = [...checks, ...values, ...pages, ...snapshots, ...clients, ...refusals]

const clauseOf = (id: string): Clause => {
  const found = clauses.find((clause) => clause.id === id)
  if (found === undefined) throw new Error(`no clause ${id}`)
  return found
}

describe("the adapter that is not broken", () => {
  it.each(clauses)("keeps $id", async (clause) => {
    expect(await runClause(clause, memoryStore())).toEqual({ status: "ran" })
  })
})

describe.each(mutants)("a mutant that $name", ({ caughtBy, saying, keeps = [], make }) => {
  it(`is caught by ${caughtBy}`, async () => {
    await expect(runClause(clauseOf(caughtBy), make)).rejects.toThrow(saying)
  })

  it.each(keeps)("keeps %s", async (id) => {
    expect(await runClause(clauseOf(id), make)).toEqual({ status: "ran" })
  })
})

it("every clause has been seen failing", () => {
  const caught = new Set(mutants.map(({ caughtBy }) => caughtBy))
  expect(clauses.map(({ id }) => id).filter((id) => !caught.has(id))).toEqual([])
})
