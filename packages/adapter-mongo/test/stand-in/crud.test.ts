import { Binary, Long } from "mongodb"
import { describe, expect, it } from "vitest"
import { errorOf, setUp } from "./client.ts"

describe("documents", () => {
  it("are inserted, found, changed and deleted", async () => {
    const { items } = await setUp()
    await items.insertMany([
      { _id: "a", n: 1 },
      { _id: "b", n: 2 },
      { _id: "c", n: 3 },
    ])
    expect(await items.findOne({ _id: "b" })).toEqual({ _id: "b", n: 2 })
    expect(await items.updateOne({ _id: "b" }, { $set: { n: 5 } })).toMatchObject({ matchedCount: 1, modifiedCount: 1 })
    expect(await items.updateOne({ _id: "b" }, { $set: { n: 5 } })).toMatchObject({ matchedCount: 1, modifiedCount: 0 })
    expect(await items.updateMany({ n: { $gt: 2 } }, { $set: { group: "g" } })).toMatchObject({ modifiedCount: 2 })
    expect(await items.deleteOne({ _id: "a" })).toMatchObject({ deletedCount: 1 })
    expect(await items.countDocuments({ group: "g" })).toBe(2)
    expect(await items.deleteMany({})).toMatchObject({ deletedCount: 2 })
    expect(await items.countDocuments()).toBe(0)
  })

  it("keep every byte of their binaries, and their types", async () => {
    const { client } = await setUp()
    const types = client
      .db("test")
      .collection<{ _id: { p: string; l: string }; bytes: Binary; at: Date; big: Long }>("t")
    const bytes = new Binary(Uint8Array.from({ length: 256 }, (_, at) => at))
    const doc = { _id: { p: "p", l: "l" }, bytes, at: new Date(5), big: Long.fromString("9007199254740993") }
    await types.insertOne(doc)
    expect(await types.findOne({ _id: { p: "p", l: "l" } })).toEqual(doc)
    expect(await types.findOne({ bytes })).toEqual(doc)
    expect(await types.findOne({ "_id.l": "l" })).toEqual(doc)
  })

  it("match by $in, $or, $and and ranges, sorted by bytes, limited and projected", async () => {
    const { items } = await setUp()
    await items.insertMany(["B", "a", "~", "_", "A"].map((_id, n) => ({ _id, n })))
    const ids = async (filter: object) =>
      (await items.find(filter, { sort: { _id: 1 } }).toArray()).map(({ _id }) => _id)
    expect(await ids({})).toEqual(["A", "B", "_", "a", "~"])
    expect(await ids({ _id: { $in: ["a", "A", "none"] } })).toEqual(["A", "a"])
    expect(await ids({ _id: { $gt: 1 } })).toEqual([])
    expect(
      await ids({
        $or: [
          { _id: "a", n: 1 },
          { _id: "B", n: 9 },
        ],
      }),
    ).toEqual(["a"])
    expect(await ids({ $and: [{ _id: { $gt: "B" } }, { n: { $lt: 3 } }] })).toEqual(["a", "~"])
    expect(await items.find({}, { sort: { _id: -1 }, limit: 1, projection: { _id: 1 } }).toArray()).toEqual([
      { _id: "~" },
    ])
  })

  it("come in batches, and a cursor closes at its end or when killed", async () => {
    const { items, standIn } = await setUp()
    await items.insertMany(Array.from({ length: 25 }, (_, n) => ({ _id: String(n), n })))
    expect(await items.find({}, { batchSize: 10 }).toArray()).toHaveLength(25)
    expect([standIn.seen("getMore"), standIn.openCursors]).toEqual([2, 0])
    const cursor = items.find({}, { batchSize: 2 })
    await cursor.next()
    expect(standIn.openCursors).toBe(1)
    await cursor.close()
    expect(standIn.openCursors).toBe(0)
  })

  it("are inserted by an upsert only when nothing matches", async () => {
    const { items } = await setUp()
    const upsert = (n: number) =>
      items.updateOne({ _id: "a" }, { $set: { n }, $setOnInsert: { group: "new" } }, { upsert: true })
    expect(await upsert(1)).toMatchObject({ matchedCount: 0, upsertedCount: 1, upsertedId: "a" })
    expect(await upsert(2)).toMatchObject({ matchedCount: 1, upsertedCount: 0 })
    expect(await items.findOne()).toEqual({ _id: "a", n: 2, group: "new" })
  })
})

describe("unique indexes", () => {
  it("refuse a second document with the key, and free the key with its document", async () => {
    const { items } = await setUp()
    await items.createIndex({ group: 1, n: 1 }, { unique: true, name: "place" })
    await items.insertOne({ _id: "a", group: "g", n: 1 })
    expect(await errorOf(items.insertOne({ _id: "a" }))).toMatchObject({ code: 11000, keyPattern: { _id: 1 } })
    expect(await errorOf(items.insertOne({ _id: "b", group: "g", n: 1 }))).toMatchObject({
      code: 11000,
      keyPattern: { group: 1, n: 1 },
      keyValue: { group: "g", n: 1 },
    })
    await items.insertOne({ _id: "b", group: "g", n: 2 })
    expect(await errorOf(items.updateOne({ _id: "b" }, { $set: { n: 1 } }))).toMatchObject({ code: 11000 })
    await items.deleteOne({ _id: "a" })
    await items.updateOne({ _id: "b" }, { $set: { n: 1 } })
    expect(await items.find({ group: "g" }).toArray()).toEqual([{ _id: "b", group: "g", n: 1 }])
  })

  it("stop an ordered batch at the first failure, and an unordered one not", async () => {
    const { items } = await setUp()
    const batch = [{ _id: "a" }, { _id: "a" }, { _id: "b" }]
    expect(await errorOf(items.insertMany(batch))).toMatchObject({ code: 11000, insertedCount: 1 })
    expect(await errorOf(items.insertMany(batch, { ordered: false }))).toMatchObject({ code: 11000, insertedCount: 1 })
    expect(await items.countDocuments()).toBe(2)
  })

  it("are created once, listed, and refused when one of the same name differs", async () => {
    const { items, client } = await setUp()
    await items.createIndex({ group: 1 }, { name: "place" })
    await items.createIndex({ group: 1 }, { name: "place" })
    expect(await items.listIndexes().toArray()).toEqual([
      { v: 2, key: { _id: 1 }, name: "_id_" },
      { v: 2, key: { group: 1 }, name: "place" },
    ])
    expect(await errorOf(items.createIndex({ n: 1 }, { name: "place" }))).toMatchObject({ code: 86 })
    expect(await errorOf(items.createIndex({ group: 1 }, { name: "place", unique: true }))).toMatchObject({ code: 86 })
    expect(await errorOf(items.createIndex({ group: 1 }, { name: "other" }))).toMatchObject({ code: 85 })
    expect((await client.db("test").listCollections().toArray()).map(({ name }) => name)).toEqual(["items"])
    expect(await errorOf(client.db("test").collection("none").listIndexes().toArray())).toMatchObject({ code: 26 })
    await client.db("test").dropDatabase()
    expect(await client.db("test").listCollections().toArray()).toEqual([])
  })
})
