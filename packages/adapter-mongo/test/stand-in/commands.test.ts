import { Long, UUID } from "mongodb"
import { describe, expect, it } from "vitest"
import { Commands } from "./commands.ts"
import { Topology } from "./topology.ts"
import { type Doc, keyOf } from "./values.ts"

/** Commands as they arrive, without a driver between: for what a driver never sends, or not at the wanted moment. */
const server = async () => {
  const commands = new Commands(new Topology("replica-set", "7.0.14"), 60_000)
  const run = (command: Doc): Promise<Doc> =>
    commands.run(Object.keys(command)[0] ?? "", { $db: "test", ...command }, undefined)
  await run({ insert: "items", documents: [{ _id: "a", n: 0 }] })
  const lsid = { id: new UUID() }
  const increment = { update: "items", updates: [{ q: { _id: "a" }, u: { $inc: { n: 1 } } }], lsid }
  const n = async () => await run({ find: "items", filter: { _id: "a" } })
  return { commands, run, lsid, increment, n }
}

const inTransaction = (txnNumber: number, startTransaction = false) => ({
  txnNumber,
  autocommit: false,
  ...(startTransaction ? { startTransaction } : {}),
})

const one = Long.fromNumber(1)

it("a retry waits for the attempt that it repeats, also while that waits for a conflicting transaction", async () => {
  const { commands, run, increment, n } = await server()
  const collection = commands.store.collections.get("test.items")
  const chain = collection?.chains.get(keyOf("a"))
  if (collection === undefined || chain === undefined) throw new Error("not inserted")
  const unit = commands.store.begin()
  collection.write(unit, chain, { _id: "a", n: 9 })
  const attempts = [run({ ...increment, txnNumber: 1 }), run({ ...increment, txnNumber: 1 })]
  setTimeout(() => commands.store.abort(unit), 10)
  const [first, second] = await Promise.all(attempts)
  expect(first).toMatchObject({ ok: 1, n: one, nModified: one })
  expect(second).toMatchObject({ ok: 1, n: one, nModified: one, retriedStmtIds: [0] })
  expect(await n()).toMatchObject({ cursor: { firstBatch: [{ _id: "a", n: 1 }] } })
})

describe("transaction numbers", () => {
  it("that are older than the newest are refused, and harm nothing", async () => {
    const { run, increment, lsid, n } = await server()
    await run({ ...increment, ...inTransaction(5, true) })
    expect(await run({ ...increment, ...inTransaction(4, true) })).toMatchObject({ ok: 0, code: 225 })
    expect(await run({ ...increment, ...inTransaction(5, true) })).toMatchObject({ ok: 0, code: 50911 })
    expect(await run({ commitTransaction: 1, lsid, ...inTransaction(5) })).toMatchObject({ ok: 1 })
    expect(await run({ ...increment, ...inTransaction(5) })).toMatchObject({ ok: 0, code: 256 })
    expect(await n()).toMatchObject({ cursor: { firstBatch: [{ _id: "a", n: 1 }] } })
  })

  it("that are newer abort the transaction before", async () => {
    const { run, increment, lsid, n } = await server()
    await run({ ...increment, ...inTransaction(1, true) })
    await run({ ...increment, ...inTransaction(2, true) })
    expect(await run({ commitTransaction: 1, lsid, ...inTransaction(2) })).toMatchObject({ ok: 1 })
    expect(await n()).toMatchObject({ cursor: { firstBatch: [{ _id: "a", n: 1 }] } })
  })

  it("that nobody started have no transaction", async () => {
    const { run, increment, lsid } = await server()
    const missing = { ok: 0, code: 251, errorLabels: ["TransientTransactionError"] }
    expect(await run({ ...increment, ...inTransaction(1) })).toMatchObject(missing)
    expect(await run({ commitTransaction: 1, lsid, ...inTransaction(1) })).toMatchObject(missing)
  })
})

it("concerns have their places in a transaction", async () => {
  const { run, increment } = await server()
  const concern = { writeConcern: { w: "majority" } }
  expect(await run({ ...increment, ...inTransaction(1, true), ...concern })).toMatchObject({ ok: 0, code: 72 })
  await run({ ...increment, ...inTransaction(2, true) })
  const late = { ...increment, ...inTransaction(2), readConcern: { level: "snapshot" } }
  expect(await run(late)).toMatchObject({ ok: 0, code: 72 })
  expect(await run({ ...increment, readConcern: { level: "snapshot" } })).toMatchObject({ ok: 0, code: 72 })
  expect(await run({ ...increment, writeConcern: { w: 2 } })).toMatchObject({
    n: one,
    writeConcernError: { code: 100 },
  })
})

it("a command that is not there is not found", async () => {
  const { run } = await server()
  expect(await run({ mapReduce: "items" })).toMatchObject({ ok: 0, code: 59, codeName: "CommandNotFound" })
})
