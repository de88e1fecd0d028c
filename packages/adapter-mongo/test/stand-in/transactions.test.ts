import { type ClientSession, MongoError } from "mongodb"
import { describe, expect, it, onTestFinished } from "vitest"
import { errorOf, setUp, snapshotMajority } from "./client.ts"

const opened = (client: { startSession(): ClientSession }): ClientSession => {
  const session = client.startSession()
  onTestFinished(() => session.endSession())
  session.startTransaction(snapshotMajority)
  return session
}

const twoDocuments = async () => {
  const all = await setUp()
  await all.items.insertMany([
    { _id: "a", n: 0 },
    { _id: "b", n: 0 },
  ])
  return all
}

const labelled = (label: string) =>
  expect.toSatisfy((error) => error instanceof MongoError && error.hasErrorLabel(label))

describe("a transaction", () => {
  it("shows its writes to itself at once, to others once committed, and never when aborted", async () => {
    const { client, items } = await twoDocuments()
    const session = opened(client)
    await items.updateOne({ _id: "a" }, { $set: { n: 1 } }, { session })
    await items.insertOne({ _id: "c" }, { session })
    expect(await items.findOne({ _id: "a" }, { session })).toMatchObject({ n: 1 })
    expect(await items.findOne({ _id: "a" })).toMatchObject({ n: 0 })
    await session.commitTransaction()
    await session.commitTransaction()
    expect(await items.findOne({ _id: "a" })).toMatchObject({ n: 1 })
    session.startTransaction(snapshotMajority)
    await items.deleteMany({}, { session })
    expect(await items.countDocuments({}, { session })).toBe(0)
    await session.abortTransaction()
    expect(await items.countDocuments()).toBe(3)
    expect(await items.updateOne({ _id: "a" }, { $set: { n: 2 } }, { maxTimeMS: 50 })).toMatchObject({
      modifiedCount: 1,
    })
  })

  it("reads the state at its first statement", async () => {
    const { client, items } = await twoDocuments()
    const session = opened(client)
    expect(await items.findOne({ _id: "a" }, { session })).toMatchObject({ n: 0 })
    await items.updateOne({ _id: "b" }, { $set: { n: 7 } })
    await items.insertOne({ _id: "c" })
    expect(await items.find({}, { session }).toArray()).toEqual([
      { _id: "a", n: 0 },
      { _id: "b", n: 0 },
    ])
    await session.commitTransaction()
  })

  it("lets write skew through when the other's document is only read: snapshot isolation's fault", async () => {
    const { client, items } = await twoDocuments()
    const [first, second] = [opened(client), opened(client)]
    expect(await items.findOne({ _id: "b", n: 0 }, { session: first })).not.toBeNull()
    expect(await items.findOne({ _id: "a", n: 0 }, { session: second })).not.toBeNull()
    await items.updateOne({ _id: "a" }, { $set: { n: 1 } }, { session: first })
    await items.updateOne({ _id: "b" }, { $set: { n: 1 } }, { session: second })
    await first.commitTransaction()
    await second.commitTransaction()
    expect(await items.countDocuments({ n: 1 })).toBe(2)
  })

  it("lets it through too when the check is an update that changes nothing", async () => {
    const { client, items } = await twoDocuments()
    const [first, second] = [opened(client), opened(client)]
    await items.updateOne({ _id: "b", n: 0 }, { $set: { n: 0 } }, { session: first })
    await items.updateOne({ _id: "a", n: 0 }, { $set: { n: 0 } }, { session: second })
    await items.updateOne({ _id: "a" }, { $set: { n: 1 } }, { session: first })
    await items.updateOne({ _id: "b" }, { $set: { n: 1 } }, { session: second })
    await first.commitTransaction()
    await second.commitTransaction()
    expect(await items.countDocuments({ n: 1 })).toBe(2)
  })

  it("fails at once, and transiently, where the check really writes", async () => {
    const { client, items } = await twoDocuments()
    const [first, second] = [opened(client), opened(client)]
    await items.updateOne({ _id: "b", n: 0 }, { $set: { lock: 1 } }, { session: first })
    await items.updateOne({ _id: "a" }, { $set: { n: 1 } }, { session: first })
    const error = await errorOf(items.updateOne({ _id: "a", n: 0 }, { $set: { lock: 2 } }, { session: second }))
    expect(error).toMatchObject({ code: 112, codeName: "WriteConflict" })
    expect(error).toEqual(labelled("TransientTransactionError"))
    await first.commitTransaction()
    expect(await errorOf(second.commitTransaction())).toMatchObject({ code: 251 })
    expect(await items.find().toArray()).toEqual([
      { _id: "a", n: 1 },
      { _id: "b", n: 0, lock: 1 },
    ])
  })

  it.each([
    ["changed", { $set: { n: 9 } }],
    ["deleted", undefined],
  ])("cannot write a document that was %s since its snapshot", async (_, modifier) => {
    const { client, items } = await twoDocuments()
    const session = opened(client)
    await items.findOne({ _id: "b" }, { session })
    if (modifier === undefined) await items.deleteOne({ _id: "a" })
    else await items.updateOne({ _id: "a" }, modifier)
    const write = items.updateOne({ _id: "a" }, { $set: { n: 1 } }, { session })
    expect(await errorOf(write)).toMatchObject({ code: 112 })
    const late = await errorOf(items.findOne({}, { session }))
    expect(late).toMatchObject({ code: 251, codeName: "NoSuchTransaction" })
    expect(late).toEqual(labelled("TransientTransactionError"))
  })

  it("meets a duplicate key when its snapshot has it, else a write conflict", async () => {
    const { client, items } = await twoDocuments()
    const [first, second] = [opened(client), opened(client)]
    await items.insertOne({ _id: "c" }, { session: first })
    expect(await errorOf(items.insertOne({ _id: "c" }, { session: second }))).toMatchObject({ code: 112 })
    await first.commitTransaction()
    const third = opened(client)
    expect(await errorOf(items.insertOne({ _id: "c" }, { session: third }))).toMatchObject({ code: 11000 })
    expect(await errorOf(third.commitTransaction())).toMatchObject({ code: 251 })
  })

  it("expires", async () => {
    const { client, items, standIn } = await twoDocuments()
    const session = opened(client)
    await items.insertOne({ _id: "c" }, { session })
    expect(standIn.expireTransactions()).toBe(1)
    const error = await errorOf(session.commitTransaction())
    expect(error).toMatchObject({ code: 251 })
    expect(error).toEqual(labelled("TransientTransactionError"))
    expect(await items.countDocuments()).toBe(2)
  })

  it("cannot change the catalogue, nor use a collection whose catalogue entry is newer than its snapshot", async () => {
    const { client, items } = await twoDocuments()
    const session = opened(client)
    await items.findOne({}, { session })
    await items.createIndex({ n: 1 })
    expect(await errorOf(items.findOne({}, { session }))).toMatchObject({ code: 246 })
    const other = opened(client)
    expect(await errorOf(client.db("test").listCollections({}, { session: other }).toArray())).toMatchObject({
      code: 263,
    })
  })
})

describe("under contention", () => {
  it("a write outside a transaction waits for the transaction that it conflicts with, as long as maxTimeMS", async () => {
    const { client, items } = await twoDocuments()
    const session = opened(client)
    await items.updateOne({ _id: "a" }, { $set: { n: 1 } }, { session })
    const late = items.updateOne({ _id: "a", n: 0 }, { $set: { n: 2 } }, { maxTimeMS: 30 })
    expect(await errorOf(late)).toMatchObject({ code: 50 })
    const waiting = items.updateOne({ _id: "a" }, { $set: { n: 3 } })
    await session.commitTransaction()
    await waiting
    expect(await items.findOne({ _id: "a" })).toMatchObject({ n: 3 })
  })

  it("64 transactions on one document all make progress", async () => {
    const { client, items, standIn } = await twoDocuments()
    const increment = () =>
      client.withSession((session) =>
        session.withTransaction(async () => {
          const { n = 0 } = (await items.findOne({ _id: "a" }, { session })) ?? {}
          await items.updateOne({ _id: "a" }, { $set: { n: n + 1 } }, { session })
        }, snapshotMajority),
      )
    await Promise.all(Array.from({ length: 64 }, increment))
    expect(await items.findOne({ _id: "a" })).toMatchObject({ n: 64 })
    expect(standIn.seen("commitTransaction")).toBe(64)
    expect(standIn.seen("update")).toBeGreaterThan(64)
    expect(standIn.openTransactions).toBe(0)
  }, 120_000)
})

describe("reads outside transactions", () => {
  const pairs = async (concern: "snapshot" | "majority") => {
    const { client, items } = await twoDocuments()
    let torn = 0
    let writing = true
    const writer = (async () => {
      for (let n = 1; n <= 100; n++) {
        await client.withSession((session) =>
          session.withTransaction(() => items.updateMany({}, { $set: { n } }, { session }), snapshotMajority),
        )
      }
      writing = false
    })()
    while (writing) {
      const read = await items.find({ _id: { $in: ["a", "b"] } }, { readConcern: { level: concern } }).toArray()
      if (read[0]?.n !== read[1]?.n) torn++
    }
    await writer
    return torn
  }

  it("see one state with read concern snapshot", async () => {
    expect(await pairs("snapshot")).toBe(0)
  })

  it("may be torn without it", async () => {
    expect(await pairs("majority")).toBeGreaterThan(0)
  })

  it("of a snapshot session all see the state of its first", async () => {
    const { client, items } = await twoDocuments()
    const session = client.startSession({ snapshot: true })
    onTestFinished(() => session.endSession())
    expect(await items.findOne({ _id: "a" }, { session })).toMatchObject({ n: 0 })
    await items.updateOne({ _id: "a" }, { $set: { n: 1 } })
    expect(await items.findOne({ _id: "a" }, { session })).toMatchObject({ n: 0 })
    for (let n = 0; n < 200; n++) await items.updateOne({ _id: "b" }, { $set: { n: n + 1 } })
    expect(await errorOf(items.findOne({ _id: "a" }, { session }))).toMatchObject({ code: 239 })
  })
})
