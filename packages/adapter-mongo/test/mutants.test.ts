/** A commit that does not really change what it checks, and the kit's clause that finds out. */
import { randomBytes } from "node:crypto"
import type { AnyBulkWriteOperation } from "mongodb"
import { expect, it, vi } from "vitest"
import { runClause } from "../../adapter-testkit/src/clause.ts"
import { clauses } from "../../adapter-testkit/src/clauses/all.ts"
import type { RecordDocument } from "../src/documents.ts"
import { mongoStorage } from "../src/index.ts"
import type * as plan from "../src/plan-batch.ts"
import { started } from "./stand-in/client.ts"

type Operations = readonly AnyBulkWriteOperation<RecordDocument>[]

let mutate = (operations: Operations): Operations => operations

vi.mock(import("../src/plan-batch.ts"), async (original) => {
  const { planBatch, ...others } = await original()
  const mutated: typeof plan.planBatch = (...args) => {
    const { results, operations } = planBatch(...args)
    return { results, operations: mutate(operations) }
  }
  return { ...others, planBatch: mutated }
})

const run = async (id: string): Promise<unknown> => {
  const clause = clauses.find((each) => each.id === id)
  if (clause === undefined) throw new Error(`there is no clause ${id}`)
  const { uri } = await started()
  const database = `kit_${randomBytes(6).toString("hex")}`
  const open = () => mongoStorage({ uri, database })
  return runClause(clause, async () => ({ storage: await open(), second: open, dispose: async () => {} }))
}

const isLock = (operation: Operations[number]): boolean => "updateOne" in operation

it("without the lock on what is only checked, both of two commits are applied that exclude each other", async () => {
  mutate = (operations) => operations
  expect(await run("clients-write-skew")).toEqual({ status: "ran" })
  mutate = (operations) => operations.filter((operation) => !isLock(operation))
  await expect(run("clients-write-skew")).rejects.toThrow("2 of 2 commits that exclude each other were committed")
})

it("a lock that changes nothing is refused before it is committed", async () => {
  mutate = (operations) =>
    operations.map((operation) => {
      if (!("updateOne" in operation)) return operation
      const { filter } = operation.updateOne
      return { updateOne: { filter, update: { $set: { revision: String(filter.revision) } } } }
    })
  await expect(run("clients-write-skew")).rejects.toMatchObject({ code: "FATAL" })
})
