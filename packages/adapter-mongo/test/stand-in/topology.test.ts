import { MongoServerSelectionError } from "mongodb"
import { describe, expect, it, vi } from "vitest"
import { collectionOf, connect, errorOf, snapshotMajority, started } from "./client.ts"

const inTransaction = async (kind: "replica-set" | "sharded" | "standalone") => {
  const standIn = await started({ kind })
  const client = await connect(standIn)
  const items = collectionOf(client)
  const commit = client.withSession((session) =>
    session.withTransaction(() => items.insertOne({ _id: "a" }, { session }), snapshotMajority),
  )
  return { standIn, client, items, commit }
}

describe("what the stand-in says it is", () => {
  it("a replica set of one member", async () => {
    const { client, commit } = await inTransaction("replica-set")
    await commit
    expect(await client.db("admin").command({ hello: 1 })).toMatchObject({ setName: "rs0", isWritablePrimary: true })
    expect(await client.db("admin").command({ buildInfo: 1 })).toMatchObject({
      version: "7.0.14",
      storageEngines: ["devnull", "wiredTiger"],
    })
  })

  it("a router, which takes transactions back by their recovery token, and shards a collection once", async () => {
    const { client, items, commit, standIn } = await inTransaction("sharded")
    let token = false
    const fault = standIn.faults.inject({
      commands: ["commitTransaction"],
      when: (command) => {
        token = "recoveryToken" in command
        return true
      },
      action: { do: "cut-after" },
    })
    await commit
    expect([fault.hits, token, await items.countDocuments()]).toEqual([1, true, 1])
    const admin = client.db("admin")
    expect(await admin.command({ hello: 1 })).toMatchObject({ msg: "isdbgrid" })
    const shard = (key: object) => admin.command({ shardCollection: "test.spread", key })
    await shard({ group: 1 })
    await shard({ group: 1 }).catch((error) => expect(error).toMatchObject({ code: 23 }))
    expect(await errorOf(shard({ n: 1 }))).toMatchObject({ code: 23 })
    expect(await client.db("config").collection("collections").findOne()).toMatchObject({ key: { group: 1 } })
    const spread = client.db("test").collection("spread")
    expect(await errorOf(spread.createIndex({ n: 1 }, { unique: true }))).toMatchObject({ code: 67 })
    await spread.createIndex({ group: 1, n: 1 }, { unique: true })
  })

  it("a standalone server, without transactions and without snapshot reads", async () => {
    const { items, commit } = await inTransaction("standalone")
    expect(await errorOf(commit)).toMatchObject({ originalError: { code: 20 } })
    expect(await errorOf(items.findOne({}, { readConcern: { level: "snapshot" } }))).toMatchObject({ code: 123 })
  })

  it.each([
    ["4.4.29", 9],
    ["5.0.31", 13],
    ["8.0.4", 25],
  ])("version %s", async (version, maxWireVersion) => {
    const client = await connect(await started({ version }))
    expect(await client.db("admin").command({ hello: 1 })).toMatchObject({ maxWireVersion })
    const read = collectionOf(client).findOne({}, { readConcern: { level: "snapshot" } })
    if (maxWireVersion < 13) expect(await errorOf(read)).toMatchObject({ code: 72 })
    else await read
  })

  it.each([
    ["documentdb", "gitVersion"],
    ["cosmos", "_t"],
    ["ferretdb", "ferretdb"],
  ] as const)("a look-alike: %s", async (kind, field) => {
    const client = await connect(await started({ kind }))
    const info = await client.db("admin").command({ buildInfo: 1 })
    expect(info).toHaveProperty(field)
    expect(info).not.toHaveProperty("storageEngines")
  })
})

it("clients learn of a step-down and of the next election without asking", async () => {
  const standIn = await started()
  const client = await connect(standIn)
  const seen: string[] = []
  const elected = new Promise<void>((resolve) => {
    client.on("serverDescriptionChanged", ({ newDescription }) => {
      seen.push(newDescription.type)
      if (newDescription.type === "RSPrimary") resolve()
    })
  })
  const hello = () => client.db("admin").command({ hello: 1 })
  const { electionId: before } = await hello()
  await vi.waitFor(() => expect(standIn.seen("hello")).toBeGreaterThan(0))
  standIn.stepDown(50)
  await elected
  expect(seen).toEqual(["RSSecondary", "RSPrimary"])
  expect(String((await hello())["electionId"]) > String(before)).toBe(true)
})

it("a stopped stand-in is gone", async () => {
  const standIn = await started()
  const client = await connect(standIn, { serverSelectionTimeoutMS: 1_000 })
  await standIn.stop()
  expect(await errorOf(collectionOf(client).findOne())).toBeInstanceOf(MongoServerSelectionError)
})
