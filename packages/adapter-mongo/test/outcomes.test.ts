/** Faults at the wire, and what a commit is told. Every test asserts that its fault has happened. */
import { afterEach, describe, expect, it, vi } from "vitest"
import { absent, at, put, unchanged } from "../../adapter-testkit/src/records.ts"
import type { ErrorCode } from "./stand-in/errors.ts"
import type { FaultAction } from "./stand-in/faults.ts"
import type { Kind } from "./stand-in/topology.ts"
import { opened, outcomeOf, present, storageOn } from "./support/opened.ts"

afterEach(() => void vi.restoreAllMocks())

/** Two records that must appear together or not at all. */
const both = () => ({ checks: [absent(at("a"))], writes: [put(at("a")), put(at("b"))] })
const always = 1_000
const applied = [true, true]
const notApplied = [false, false]

const fail = (code: ErrorCode): FaultAction => ({ do: "fail", code })

/** The outcome of `both()` under a fault, how often the fault struck, and what is there when all is over. */
const under = async (
  command: string,
  action: FaultAction,
  times = 1,
  maxTimeMS = 30_000,
  kind: Kind = "replica-set",
) => {
  const { standIn, storage } = await opened({ maxTimeMS, standIn: { kind } })
  vi.spyOn(Math, "random").mockReturnValue(0)
  const fault = standIn.faults.inject({ commands: [command], times, action })
  const outcome = await outcomeOf(storage, both())
  standIn.faults.clear()
  standIn.expireTransactions()
  return { outcome, hits: fault.hits, there: await present(storage, at("a"), at("b")), open: standIn.openTransactions }
}

describe("before the commit is sent", () => {
  it.each([
    ["the connection is cut before", { do: "cut-before" }],
    ["the connection is cut after", { do: "cut-after" }],
    ["it steps down before", { do: "step-down" }],
    ["NotWritablePrimary on", fail(10107)],
    ["PrimarySteppedDown on", fail(189)],
    ["InterruptedDueToReplStateChange on", fail(11602)],
    ["ShutdownInProgress on", fail(91)],
    ["WriteConflict on", fail(112)],
    ["NoSuchTransaction on", fail(251)],
    ["SnapshotUnavailable on", fail(246)],
    ["LockTimeout on", fail(24)],
  ] as const)("%s a statement once: the transaction is run anew", async (_, action) => {
    for (const command of ["find", "insert"]) {
      expect(await under(command, action)).toEqual({ outcome: "committed", hits: 1, there: applied, open: 0 })
    }
  })

  it.each([
    ["a connection that is always cut", { do: "cut-before" }, "UNAVAILABLE", 3],
    ["one cut after the statement", { do: "cut-after" }, "UNAVAILABLE", 3],
    ["NotWritablePrimary", fail(10107), "UNAVAILABLE", 32],
    ["WriteConflict", fail(112), "BUSY", 32],
    ["DuplicateKey", fail(11000), "BUSY", 32],
    ["MaxTimeMSExpired", fail(50), "UNAVAILABLE", 1],
    ["OperationNotSupportedInTransaction", fail(263), "FATAL", 1],
    ["BSONObjectTooLarge", fail(10334), "FATAL", 1],
  ] as const)("%s: ends, and nothing is applied", async (_, action, outcome, hits) => {
    expect(await under("insert", action, always)).toEqual({ outcome, hits, there: notApplied, open: 0 })
  })

  it("all connections cut at once: all transactions are run anew, also those whose error the driver gives no label", async () => {
    const { standIn, storage } = await opened()
    const partitions = ["p", "q", "r"]
    const held = standIn.faults.inject({ commands: ["insert"], times: 3, action: { do: "hold" } })
    const commits = partitions.map((partition) => storage.commit(partition, both()))
    await held.struck(3)
    standIn.cutConnections()
    held.release()
    expect(await Promise.all(commits)).toEqual(partitions.map(() => ({ status: "committed" })))
    expect(standIn.seen("insert")).toBe(6)
  })

  it("one commit that the server will never take: the others of its batch are applied", async () => {
    const { standIn, storage } = await opened()
    const isPoison = (document: unknown) =>
      typeof document === "object" && document !== null && Reflect.get(document, "leaf") === "poison"
    const fault = standIn.faults.inject({
      commands: ["insert"],
      times: always,
      when: ({ documents }) => Array.isArray(documents) && documents.some(isPoison),
      action: fail(10334),
    })
    const outcomes = ["a", "poison", "b"].map((leaf) =>
      outcomeOf(storage, { checks: [absent(at(leaf))], writes: [put(at(leaf))] }),
    )
    expect(await Promise.all(outcomes)).toEqual(["committed", "FATAL", "committed"])
    expect(fault.hits).toBe(2)
    expect(await present(storage, at("a"), at("poison"), at("b"))).toEqual([true, false, true])
  })

  it("a server that is slower than `maxTimeMS`: UNAVAILABLE", async () => {
    for (const command of ["find", "insert"]) {
      const expected = { outcome: "UNAVAILABLE", hits: 1, there: notApplied, open: 0 }
      expect(await under(command, { do: "delay", millis: 20_000 }, always, 50)).toEqual(expected)
    }
  })
})

describe("when the commit is sent", () => {
  it.each([
    ["cut before, once", { do: "cut-before" }, 1],
    ["cut after, once", { do: "cut-after" }, 1],
    ["cut after, the driver's second attempt too", { do: "cut-after" }, 3],
    ["NotWritablePrimary, and it was not applied", fail(10107), 1],
    ["PrimarySteppedDown, though it was applied", { do: "fail-after", code: 189 }, 3],
    ["too few members have it in time, though it was applied", { do: "write-concern-error", code: 64 }, 2],
    ["a step-down just before", { do: "step-down" }, 1],
    ["WriteConflict", fail(112), 1],
  ] as const)("%s: found out, and committed once", async (_, action, times) => {
    const expected = { outcome: "committed", hits: times, there: applied, open: 0 }
    expect(await under("commitTransaction", action, times)).toEqual(expected)
  })

  it("PrimarySteppedDown as a mongos passes it on, without a label: found out, and committed once", async () => {
    const action = { do: "fail-after", code: 189 } as const
    const found = await under("commitTransaction", action, 2, 30_000, "sharded")
    expect(found).toEqual({ outcome: "committed", hits: 2, there: applied, open: 0 })
  })

  it.each([
    ["cut before, always", { do: "cut-before" }, notApplied, 6],
    ["cut after, always", { do: "cut-after" }, applied, 6],
    ["NotWritablePrimary, though it was applied", { do: "fail-after", code: 10107 }, applied, 6],
    ["too few members ever have it", { do: "write-concern-error", code: 64 }, applied, 3],
    ["an error that means nothing to the adapter", fail(20), notApplied, 1],
    ["one, though it was applied", { do: "fail-after", code: 20 }, applied, 1],
  ] as const)("%s: UNKNOWN_OUTCOME", async (_, action, there, hits) => {
    expect(await under("commitTransaction", action, always)).toEqual({
      outcome: "UNKNOWN_OUTCOME",
      hits,
      there,
      open: 0,
    })
  })

  it("all connections cut at once: all commits are sent again, also those whose error the driver gives no label", async () => {
    const { standIn, storage } = await opened()
    const partitions = ["p", "q", "r", "s", "t"]
    const held = standIn.faults.inject({ commands: ["commitTransaction"], times: 5, action: { do: "hold-reply" } })
    const commits = partitions.map((partition) => storage.commit(partition, both()))
    await held.struck(5)
    standIn.cutConnections()
    held.release()
    expect(await Promise.all(commits)).toEqual(partitions.map(() => ({ status: "committed" })))
    expect(standIn.seen("commitTransaction")).toBeGreaterThanOrEqual(10)
  })

  it("a server that is slower than `maxTimeMS`: UNKNOWN_OUTCOME", async () => {
    const { hits, ...ended } = await under("commitTransaction", { do: "delay", millis: 20_000 }, always, 50)
    expect(hits).toBeGreaterThan(0)
    expect(ended).toEqual({ outcome: "UNKNOWN_OUTCOME", there: notApplied, open: 0 })
  })

  it("gone without a trace, after it was in doubt: UNKNOWN_OUTCOME, not another run", async () => {
    const { standIn, storage } = await opened()
    const cut = standIn.faults.inject({ commands: ["commitTransaction"], times: 2, action: { do: "cut-before" } })
    const outcome = outcomeOf(storage, both())
    await cut.struck(2)
    expect(standIn.expireTransactions()).toBe(1)
    expect(await outcome).toBe("UNKNOWN_OUTCOME")
    expect(await present(storage, at("a"), at("b"))).toEqual(notApplied)
  })

  it("a conflict whose commit is in doubt is none yet: UNAVAILABLE, as it writes nothing", async () => {
    const { standIn, storage } = await opened()
    const first = put(at("a"))
    expect(await outcomeOf(storage, { checks: [], writes: [first] })).toBe("committed")
    const fault = standIn.faults.inject({ commands: ["commitTransaction"], times: always, action: { do: "cut-after" } })
    expect(await outcomeOf(storage, both())).toBe("UNAVAILABLE")
    expect(fault.hits).toBe(6)
  })

  it("in the middle of a transaction the primary steps down: run anew on the next", async () => {
    const { standIn, storage } = await opened()
    const held = standIn.faults.inject({ commands: ["insert"], action: { do: "hold" } })
    const outcome = outcomeOf(storage, both())
    await held.struck()
    expect(standIn.openTransactions).toBe(1)
    standIn.stepDown()
    expect(standIn.openTransactions).toBe(0)
    held.release()
    expect(await outcome).toBe("committed")
    expect(standIn.seen("insert")).toBe(2)
    expect(await present(storage, at("a"), at("b"))).toEqual(applied)
  })
})

it("gives its sessions back, whatever becomes of the commit", async () => {
  const { standIn, client, storage } = await opened()
  const ended = vi.fn()
  client.startSession = new Proxy(client.startSession, {
    apply: (start, self, given) => Reflect.apply(start, self, given).once("ended", ended),
  })
  expect(await outcomeOf(storage, both())).toBe("committed")
  standIn.faults.inject({ commands: ["insert"], action: fail(263) })
  expect(await outcomeOf(storage, { checks: [], writes: [put(at("c"))] })).toBe("FATAL")
  expect(ended).toHaveBeenCalledTimes(2)
})

describe("a foreign writer", () => {
  it("that comes between the read and the write of a transaction: decided anew on what it wrote", async () => {
    const { standIn, storage, documents } = await opened()
    const first = put(at("a"))
    expect(await outcomeOf(storage, { checks: [], writes: [first] })).toBe("committed")
    const held = standIn.faults.inject({ commands: ["update"], action: { do: "hold" } })
    const aborted = standIn.seen("abortTransaction")
    const contested = storage.commit("p", { checks: [unchanged(first)], writes: [put(at("b"))] })
    await held.struck()
    await documents.updateOne({ leaf: "a" }, { $set: { revision: "Z".repeat(26) } })
    held.release()
    expect(await contested).toEqual({ status: "conflict", addresses: [at("a")] })
    expect(standIn.seen("abortTransaction")).toBe(aborted + 1)
    expect(await present(storage, at("b"))).toEqual([false])
  })

  it("that deletes it: the same", async () => {
    const { standIn, storage, documents } = await opened()
    const first = put(at("a"))
    await storage.commit("p", { checks: [], writes: [first] })
    const held = standIn.faults.inject({ commands: ["update"], action: { do: "hold" } })
    const contested = outcomeOf(storage, { checks: [unchanged(first)], writes: [put(at("a")), put(at("b"))] })
    await held.struck()
    await documents.deleteOne({ leaf: "a" })
    held.release()
    expect([await contested, ...(await present(storage, at("a"), at("b")))]).toEqual(["conflict", false, false])
  })

  it("that creates what was checked absent: a conflict", async () => {
    const { standIn, storage, documents } = await opened()
    const held = standIn.faults.inject({ commands: ["insert"], action: { do: "hold" } })
    const contested = outcomeOf(storage, both())
    await held.struck()
    const other = await storageOn(standIn)
    expect(await outcomeOf(other.storage, { checks: [], writes: [put(at("a"))] })).toBe("committed")
    held.release()
    expect([await contested, await documents.countDocuments()]).toEqual(["conflict", 1])
  })

  it("that holds a record in a transaction of its own is waited for, and then BUSY", async () => {
    const { standIn, client, storage, documents } = await opened()
    vi.spyOn(Math, "random").mockReturnValue(0)
    await storage.commit("p", { checks: [], writes: [put(at("a"))] })
    const session = client.startSession()
    session.startTransaction()
    await documents.updateOne({ leaf: "a" }, { $set: { foreign: 1 } }, { session })
    const aborted = standIn.seen("abortTransaction")
    expect(await outcomeOf(storage, { checks: [], writes: [put(at("a"))] })).toBe("BUSY")
    expect(standIn.seen("abortTransaction")).toBe(aborted + 32)
    const patient = outcomeOf(storage, { checks: [], writes: [put(at("a"))] })
    await session.commitTransaction()
    await session.endSession()
    expect(await patient).toBe("committed")
  })
})

describe("a stale primary", () => {
  it("commits nothing: UNKNOWN_OUTCOME for who believes it; a read from before is a declared exception", async () => {
    const { standIn, storage } = await opened()
    const behind = await storageOn(standIn, { clientOptions: { appName: "behind" } })
    standIn.makeStale("behind")
    expect(await outcomeOf(storage, { checks: [], writes: [put(at("new"))] })).toBe("committed")
    expect(await present(behind.storage, at("new"))).toEqual([false])
    expect(await outcomeOf(behind.storage, both())).toBe("UNKNOWN_OUTCOME")
    expect(behind.storage.capabilities.exceptions.join()).toMatch(/election/)
    standIn.endStale()
    standIn.expireTransactions()
    expect(await present(behind.storage, at("new"), at("a"), at("b"))).toEqual([true, ...notApplied])
  })
})

describe("a client that its owner closes", () => {
  it("before the commit is sent: UNAVAILABLE", async () => {
    const { standIn, client, storage } = await opened()
    const held = standIn.faults.inject({ commands: ["insert"], action: { do: "hold" } })
    const outcome = outcomeOf(storage, both())
    await held.struck()
    await client.close()
    expect(await outcome).toBe("UNAVAILABLE")
    expect(await outcomeOf(storage, both())).toBe("UNAVAILABLE")
    await expect(storage.read("p", [at("a")])).rejects.toMatchObject({ code: "UNAVAILABLE" })
  })

  it("after it was sent: UNKNOWN_OUTCOME", async () => {
    const { standIn, client, storage } = await opened()
    const held = standIn.faults.inject({ commands: ["commitTransaction"], action: { do: "hold-reply" } })
    const outcome = outcomeOf(storage, both())
    await held.struck()
    await client.close()
    expect(await outcome).toBe("UNKNOWN_OUTCOME")
    const { storage: other } = await storageOn(standIn)
    expect(await present(other, at("a"), at("b"))).toEqual(applied)
  })
})

it("a server that is gone: UNAVAILABLE, when the driver gives up looking for it", async () => {
  const { standIn, storage } = await opened({ clientOptions: { serverSelectionTimeoutMS: 50 } })
  await standIn.stop()
  expect(await outcomeOf(storage, both())).toBe("UNAVAILABLE")
  await expect(storage.read("p", [at("a")])).rejects.toMatchObject({ code: "UNAVAILABLE" })
})
