import { MongoError, MongoNetworkError, MongoServerError } from "mongodb"
import { describe, expect, it, onTestFinished } from "vitest"
import { collectionOf, connect, errorOf, setUp, snapshotMajority } from "./client.ts"

const withOne = async () => {
  const all = await setUp()
  await all.items.insertOne({ _id: "a", n: 0 })
  const session = all.client.startSession()
  onTestFinished(() => session.endSession())
  const begin = async () => {
    session.startTransaction(snapshotMajority)
    await all.items.updateOne({ _id: "a" }, { $inc: { n: 1 } }, { session })
  }
  const n = async () => (await all.items.findOne({ _id: "a" }))?.n
  return { ...all, session, begin, n }
}

const hasLabel = (error: unknown, label: string): boolean => error instanceof MongoError && error.hasErrorLabel(label)

describe("a lost acknowledgement", () => {
  it("of a write makes the driver send it again, and it applies once", async () => {
    const { items, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["update"], action: { do: "cut-after" } })
    expect(await items.updateOne({ _id: "a" }, { $inc: { n: 1 } })).toMatchObject({ matchedCount: 1, modifiedCount: 1 })
    expect([fault.hits, standIn.seen("update"), await n()]).toEqual([1, 2, 1])
  })

  it("of an insert makes no duplicate of itself", async () => {
    const { items, standIn } = await withOne()
    const fault = standIn.faults.inject({ commands: ["insert"], action: { do: "cut-after" } })
    expect(await items.insertMany([{ _id: "b" }, { _id: "c" }])).toMatchObject({ insertedCount: 2 })
    expect([fault.hits, await items.countDocuments()]).toEqual([1, 3])
  })

  it("of a commit is repaired by the driver's second attempt", async () => {
    const { session, begin, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], action: { do: "cut-after" } })
    await begin()
    await session.commitTransaction()
    expect([fault.hits, standIn.seen("commitTransaction"), await n()]).toEqual([1, 2, 1])
  })

  it.each([
    ["after", 1],
    ["before", 0],
  ] as const)("of both attempts, cut %s execution, is an unknown result", async (when, expected) => {
    const { session, begin, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], times: 2, action: { do: `cut-${when}` } })
    await begin()
    const error = await errorOf(session.commitTransaction())
    expect(error).toBeInstanceOf(MongoNetworkError)
    expect(hasLabel(error, "UnknownTransactionCommitResult")).toBe(true)
    expect(hasLabel(error, "TransientTransactionError")).toBe(false)
    standIn.expireTransactions()
    expect([fault.hits, await n()]).toEqual([2, expected])
  })

  it("of a statement inside a transaction is transient, and nothing is applied", async () => {
    const { items, session, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["update"], action: { do: "cut-after" } })
    session.startTransaction(snapshotMajority)
    const error = await errorOf(items.updateOne({ _id: "a" }, { $inc: { n: 1 } }, { session }))
    expect(hasLabel(error, "TransientTransactionError")).toBe(true)
    await session.abortTransaction()
    expect([fault.hits, await n(), standIn.openTransactions]).toEqual([1, 0, 0])
  })
})

describe("an injected error", () => {
  it.each([10107, 189, 11602, 91] as const)("%i before a write makes the driver try again", async (code) => {
    const { items, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["update"], action: { do: "fail", code } })
    await items.updateOne({ _id: "a" }, { $inc: { n: 1 } })
    expect([fault.hits, await n()]).toEqual([1, 1])
  })

  it.each([10107, 189, 11602, 91, 112] as const)(
    "%i in a transaction aborts it, and withTransaction runs it anew",
    async (code) => {
      const { client, items, standIn, n } = await withOne()
      const fault = standIn.faults.inject({ commands: ["update"], action: { do: "fail", code } })
      let runs = 0
      await client.withSession((session) =>
        session.withTransaction(async () => {
          runs++
          await items.updateOne({ _id: "a" }, { $inc: { n: 1 } }, { session })
        }, snapshotMajority),
      )
      expect([fault.hits, runs, await n()]).toEqual([1, 2, 1])
    },
  )

  it("after a commit that applied is an unknown result, which the next attempt finds committed", async () => {
    const { session, begin, standIn, n } = await withOne()
    const action = { do: "fail-after", code: 189 } as const
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], times: 2, action })
    await begin()
    const error = await errorOf(session.commitTransaction())
    expect(hasLabel(error, "UnknownTransactionCommitResult")).toBe(true)
    await session.commitTransaction()
    expect([fault.hits, await n()]).toEqual([2, 1])
  })

  it("of a step-down in the write concern of a commit makes the driver ask again", async () => {
    const { session, begin, standIn, n } = await withOne()
    const action = { do: "write-concern-error", code: 11602 } as const
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], action })
    await begin()
    await session.commitTransaction()
    expect([fault.hits, standIn.seen("commitTransaction"), await n()]).toEqual([1, 2, 1])
  })

  it("in the write concern of a commit is an unknown result", async () => {
    const { session, begin, standIn, n } = await withOne()
    const action = { do: "write-concern-error", code: 64 } as const
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], action })
    await begin()
    const error = await errorOf(session.commitTransaction())
    expect(hasLabel(error, "UnknownTransactionCommitResult")).toBe(true)
    expect([fault.hits, await n()]).toEqual([1, 1])
  })
})

describe("a slow server", () => {
  it("answers MaxTimeMSExpired and has not executed", async () => {
    const { items, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["update"], action: { do: "delay", millis: 10_000 } })
    const error = await errorOf(items.updateOne({ _id: "a" }, { $inc: { n: 1 } }, { maxTimeMS: 20 }))
    expect(error).toMatchObject({ code: 50, codeName: "MaxTimeMSExpired" })
    expect([fault.hits, await n()]).toEqual([1, 0])
  })

  it("holds a reply until it is released", async () => {
    const { items, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["update"], action: { do: "hold-reply" } })
    const update = items.updateOne({ _id: "a" }, { $inc: { n: 1 } })
    await fault.struck()
    expect(await n()).toBe(1)
    fault.release()
    expect(await update).toMatchObject({ modifiedCount: 1 })
  })
})

describe("a step-down", () => {
  it("in the middle of a transaction aborts it; withTransaction runs it anew on the next primary", async () => {
    const { client, items, standIn, n } = await withOne()
    let runs = 0
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await items.updateOne({ _id: "a" }, { $inc: { n: 1 } }, { session })
        if (runs++ === 0) standIn.stepDown()
        await items.updateOne({ _id: "a" }, { $set: { group: "g" } }, { session })
      }, snapshotMajority),
    )
    expect([runs, await n()]).toEqual([2, 1])
  })

  it("just before the commit says that there is no such transaction", async () => {
    const { session, begin, standIn, n } = await withOne()
    await begin()
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], action: { do: "step-down" } })
    const error = await errorOf(session.commitTransaction())
    expect(error).toMatchObject({ code: 251 })
    expect(hasLabel(error, "TransientTransactionError")).toBe(true)
    expect([fault.hits, await n()]).toEqual([1, 0])
  })

  it("forgets neither retryable writes nor commits", async () => {
    const { items, session, begin, standIn, n } = await withOne()
    const fault = standIn.faults.inject({ commands: ["update"], action: { do: "cut-after", held: true } })
    const update = items.updateOne({ _id: "a" }, { $inc: { n: 1 } })
    await fault.struck()
    standIn.stepDown()
    fault.release()
    expect(await update).toMatchObject({ modifiedCount: 1 })
    expect([standIn.seen("update"), await n()]).toEqual([2, 1])
    await begin()
    await session.commitTransaction()
    standIn.stepDown()
    await session.commitTransaction()
    expect(await n()).toBe(2)
  })
})

describe("a stale primary", () => {
  it("shows the past to those who do not know better, and commits nothing for them", async () => {
    const { items, standIn } = await withOne()
    const behind = collectionOf(await connect(standIn, { appName: "behind" }))
    standIn.makeStale("behind")
    for (let n = 1; n <= 200; n++) await items.updateOne({ _id: "a" }, { $set: { n } })
    expect(await behind.findOne({ _id: "a" }, { readConcern: { level: "majority" } })).toMatchObject({ n: 0 })
    expect(await behind.findOne({ _id: "a" }, { readConcern: { level: "snapshot" } })).toMatchObject({ n: 0 })
    expect(await errorOf(behind.updateOne({ _id: "a" }, { $set: { n: 9 } }))).toBeInstanceOf(MongoServerError)
    standIn.endStale()
    expect(await behind.findOne({ _id: "a" })).toMatchObject({ n: 200 })
  })
})
