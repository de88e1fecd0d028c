/** Clients that their owners have set up otherwise: the adapter keeps its promises on all of them. */
import { inspect } from "node:util"
import { Binary, MongoClient, type MongoClientOptions, ServerApiVersion } from "mongodb"
import { expect, it, onTestFinished, vi } from "vitest"
import { at, put, remove, unchanged } from "../../adapter-testkit/src/records.ts"
import { mongoStorage } from "../src/index.ts"
import { started } from "./stand-in/client.ts"
import type { Doc } from "./stand-in/values.ts"
import { opened, outcomeOf, present } from "./support/opened.ts"

const odd: readonly (readonly [string, MongoClientOptions])[] = [
  ["reads from secondaries", { readPreference: "secondaryPreferred" }],
  ["readConcern local", { readConcern: { level: "local" } }],
  ["unacknowledged writes", { writeConcern: { w: 0 } }],
  ["one member's word", { writeConcern: { w: 1, journal: false } }],
  ["no retries", { retryWrites: false, retryReads: false }],
  ["promoteBuffers", { promoteBuffers: true }],
  ["no promoted values", { promoteValues: false }],
  ["Longs", { promoteLongs: false }],
  ["bigints", { useBigInt64: true }],
  ["raw", { raw: true }],
  ["ignoreUndefined", { ignoreUndefined: true }],
  ["serializeFunctions", { serializeFunctions: true }],
  ["monitorCommands", { monitorCommands: true }],
  ["forceServerObjectId", { forceServerObjectId: true }],
  ["a pool of one", { maxPoolSize: 1 }],
  ["a strict API", { serverApi: { version: ServerApiVersion.v1, strict: true, deprecationErrors: true } }],
]

it.each(odd)("%s", async (_, clientOptions) => {
  const { standIn, storage } = await opened({ clientOptions })
  const concerns: Doc[] = []
  const preferences: unknown[] = []
  const fault = standIn.faults.inject({
    commands: ["find", "commitTransaction"],
    when: ({ readConcern, writeConcern, $readPreference }) => {
      concerns.push({ readConcern, writeConcern })
      preferences.push($readPreference)
      return false
    },
    action: { do: "cut-before" },
  })
  const first = put(at("a"), "one")
  expect(await outcomeOf(storage, { checks: [], writes: [first, put(at("b"))] })).toBe("committed")
  const writes = [put(at("c")), remove(at("b"))]
  expect(await outcomeOf(storage, { checks: [unchanged(first)], writes })).toBe("committed")
  expect(await outcomeOf(storage, { checks: [unchanged(put(at("a")))], writes: [put(at("c"))] })).toBe("conflict")
  expect(await storage.read("p", [at("a")])).toEqual([first.record])
  expect(await present(storage, at("b"), at("c"))).toEqual([false, true])
  expect((await storage.list("p", "c", { limit: 1, maxBytes: 9 })).more).toBe(true)
  expect(fault.hits).toBe(0)
  // Of the primary nothing is said.
  expect(preferences.filter((preference) => preference !== undefined)).toEqual([])
  expect(concerns.filter(({ readConcern }) => readConcern).map(({ readConcern }) => Object(readConcern).level)).toEqual(
    Array.from({ length: 6 }, () => "snapshot"),
  )
  expect(concerns.filter(({ writeConcern }) => writeConcern).map(({ writeConcern }) => writeConcern)).toEqual(
    Array.from({ length: 3 }, () => ({ w: "majority", j: true, wtimeout: 10_000 })),
  )
})

it("a password in the URI is in no error and not to be seen in the storage", async () => {
  const uri = "mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=50"
  const error = await mongoStorage({ uri }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    code: "UNAVAILABLE",
    message: "MongoDB: MongoServerSelectionError (ECONNREFUSED)",
  })
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain("hunter2")
  const standIn = await started()
  const storage = await mongoStorage({ uri: standIn.uri.replace("/?", "/hunter2?") })
  onTestFinished(() => storage.close())
  expect(inspect(storage, { depth: null, showHidden: true })).not.toContain("hunter2")
})

it("the caller's client and Db stay open, a client of its own is closed", async () => {
  const standIn = await started()
  const client = new MongoClient(standIn.uri)
  onTestFinished(() => client.close())
  for (const options of [{ client }, { db: client.db("other") }, { uri: standIn.uri }]) {
    const storage = await mongoStorage(options)
    expect(await outcomeOf(storage, { checks: [], writes: [put(at("a"))] })).toBe("committed")
    await storage.close()
    // What a client sends last, and does not wait for.
    await vi.waitFor(() => expect(standIn.seen("endSessions")).toBe("uri" in options ? 1 : 0))
  }
  const found = await client.db("other").collection("strongroom").findOne()
  expect(found).toMatchObject({ partition: "p", collection: "c", leaf: "a", bytes: expect.any(Binary) })
  expect(await client.db("strongroom").collection("strongroom").countDocuments()).toBe(1)
})

it.each([0, 1.5, Number.NaN])("maxTimeMS %d is refused", async (maxTimeMS) => {
  await expect(mongoStorage({ uri: "mongodb://127.0.0.1:1", maxTimeMS })).rejects.toMatchObject({ code: "FATAL" })
})
