import { describe, expect, it, vi } from "vitest"
import { at, put } from "../../adapter-testkit/src/records.ts"
import { mongoStorage } from "../src/index.ts"
import { lookAlike } from "../src/server-check.ts"
import { connect, started } from "./stand-in/client.ts"
import type { StandInOptions } from "./stand-in/stand-in.ts"
import { outcomeOf } from "./support/opened.ts"

const onServer = async (options: StandInOptions = {}) => {
  const standIn = await started(options)
  const client = await connect(standIn)
  return { standIn, client, collection: client.db("strongroom").collection("strongroom") }
}

describe("a server that cannot do it is refused, with a sentence", () => {
  it.each([
    [
      { kind: "standalone" },
      /^a standalone mongod has no transactions: start it with --replSet rs0, run rs\.initiate\(\)/,
    ],
    [{ version: "4.4.29" }, /^the server is older than MongoDB 5\.0/],
    [{ kind: "ferretdb" }, /^FerretDB is not supported/],
    [{ kind: "cosmos" }, /^Azure Cosmos DB is not supported/],
    [{ kind: "documentdb" }, /^the server does not read at one snapshot/],
  ] as const)("%o", async (options, message) => {
    const { client } = await onServer(options)
    await expect(mongoStorage({ client })).rejects.toMatchObject({
      code: "FATAL",
      message: expect.stringMatching(message),
    })
  })

  it.each([
    [["db.cluster-1.eu-west-1.docdb.amazonaws.com:27017"], "Amazon DocumentDB"],
    [["x.docdb-elastic.amazonaws.com"], "Amazon DocumentDB"],
    [["acme.mongo.cosmos.azure.com:10255"], "Azure Cosmos DB"],
    [["a.b.firestore.goog:443"], "Google Firestore"],
    [["cluster0-shard-00-00.abcde.mongodb.net:27017", "docdb.amazonaws.com.example.org:1"], undefined],
  ])("by its name: %s", (hosts, product) => {
    expect(lookAlike({}, hosts)).toBe(product)
  })

  it("a client that is bound to one of several members, from which it would read as a secondary too", async () => {
    const { standIn } = await onServer()
    standIn.topology.others = ["127.0.0.1:1"]
    const uri = `mongodb://${standIn.topology.address}/?directConnection=true`
    await expect(mongoStorage({ uri })).rejects.toMatchObject({
      code: "FATAL",
      message: expect.stringMatching(/^directConnection binds the client to one member/),
    })
    standIn.topology.others = []
    await (await mongoStorage({ uri })).close()
  })

  it("and nothing is left in it, nor a connection to it", async () => {
    const { standIn, client } = await onServer({ kind: "standalone" })
    const before = standIn.connections
    await expect(mongoStorage({ uri: standIn.uri })).rejects.toMatchObject({ code: "FATAL" })
    await vi.waitFor(() => expect(standIn.connections).toBe(before))
    expect(await client.db("strongroom").listCollections().toArray()).toEqual([])
  })
})

describe("versions", () => {
  it.each(["5.0.31", "6.0.19", "7.0.14", "8.0.4"])("%s is taken", async (version) => {
    const { client } = await onServer({ version })
    const storage = await mongoStorage({ client })
    expect(await outcomeOf(storage, { checks: [], writes: [put(at("a"))] })).toBe("committed")
  })
})

describe("the index", () => {
  it("is made once, however many open at the same time", async () => {
    const { standIn, client, collection } = await onServer()
    await Promise.all(Array.from({ length: 5 }, () => mongoStorage({ client })))
    expect(await collection.indexes()).toMatchObject([
      { name: "_id_" },
      { name: "strongroom_address", key: { partition: 1, collection: 1, leaf: 1 }, unique: true },
    ])
    expect(standIn.seen("createIndexes")).toBe(5)
  })

  it.each([
    [
      { partition: 1, leaf: 1 },
      { name: "strongroom_address", unique: true },
    ],
    [{ partition: 1, collection: 1, leaf: 1 }, { name: "strongroom_address" }],
    [
      { partition: 1, collection: 1, leaf: 1 },
      { name: "by_hand", unique: true },
    ],
  ] as const)("another in its place is refused by name: %o %o", async (key, options) => {
    const { client, collection } = await onServer()
    await collection.createIndex(key, options)
    await expect(mongoStorage({ client })).rejects.toMatchObject({
      code: "FATAL",
      message: expect.stringMatching(/^collection strongroom has another index in the place of strongroom_address/),
    })
  })

  it("cannot be made over documents of somebody else", async () => {
    const { client, collection } = await onServer()
    await collection.insertMany([{ n: 1 }, { n: 2 }])
    await expect(mongoStorage({ client })).rejects.toMatchObject({
      code: "FATAL",
      message: "collection strongroom holds documents that are no records: name another collection",
    })
    const storage = await mongoStorage({ client, collection: "other" })
    expect(await outcomeOf(storage, { checks: [], writes: [put(at("a"))] })).toBe("committed")
  })
})

it.each([{ collation: { locale: "en", strength: 2 } }, { capped: true, size: 1_000 }, { viewOn: "other" }])(
  "a collection with %o is refused",
  async (options) => {
    const { client } = await onServer()
    await client.db("strongroom").createCollection("strongroom", options)
    await expect(mongoStorage({ client })).rejects.toMatchObject({
      code: "FATAL",
      message: expect.stringMatching(/^collection strongroom is a view, capped, a time series or has a collation/),
    })
  },
)

describe("a sharded cluster", () => {
  const logger = () => ({ debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() })

  it("has the collection sharded by partition, once", async () => {
    const { standIn, client } = await onServer({ kind: "sharded" })
    const log = logger()
    for (let i = 0; i < 2; i++) {
      const storage = await mongoStorage({ client, logger: log })
      expect(await outcomeOf(storage, { checks: [], writes: [put(at("a"))] })).toBe("committed")
    }
    expect(standIn.seen("enableSharding")).toBe(2)
    expect(standIn.seen("shardCollection")).toBe(2)
    const entry = await client.db("config").collection("collections").findOne()
    expect(entry).toMatchObject({ _id: "strongroom.strongroom" })
    expect(entry?.["key"]).toEqual({ partition: 1 })
    expect(log.warn).not.toHaveBeenCalled()
  })

  it("that does not let us shard is warned of, and used", async () => {
    const { standIn, client } = await onServer({ kind: "sharded" })
    const fault = standIn.faults.inject({ commands: ["shardCollection"], action: { do: "fail", code: 20 } })
    const log = logger()
    const storage = await mongoStorage({ client, logger: log })
    expect(fault.hits).toBe(1)
    expect(log.warn.mock.calls).toEqual([
      ["the collection could not be sharded by partition", { collection: "strongroom.strongroom", code: 20 }],
    ])
    expect(await outcomeOf(storage, { checks: [], writes: [put(at("a"))] })).toBe("committed")
  })

  it("that is gone in the middle of opening is UNAVAILABLE", async () => {
    const { standIn } = await onServer({ kind: "sharded" })
    const fault = standIn.faults.inject({ commands: ["shardCollection"], times: 9, action: { do: "cut-before" } })
    const opening = mongoStorage({ uri: standIn.uri })
    await expect(opening).rejects.toMatchObject({ code: "UNAVAILABLE" })
    expect(fault.hits).toBeGreaterThan(0)
  })

  it("a replica set is not sharded", async () => {
    const { standIn, client } = await onServer()
    await mongoStorage({ client })
    expect([standIn.seen("enableSharding"), standIn.seen("shardCollection")]).toEqual([0, 0])
  })
})
