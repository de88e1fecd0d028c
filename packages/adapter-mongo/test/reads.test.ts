import { describe, expect, it, vi } from "vitest"
import { at, everything, put, text } from "../../adapter-testkit/src/records.ts"
import { opened, outcomeOf, storageOn } from "./support/opened.ts"

/** More than the first batch of a cursor, which has 101 documents. */
const leaves = Array.from({ length: 150 }, (_, i) => `l${String(i).padStart(3, "0")}`)

const filled = async () => {
  const all = await opened()
  const fill = (byte: string) =>
    all.storage.commit("p", { checks: [], writes: leaves.map((leaf) => put(at(leaf), byte)) })
  await fill("0")
  return { ...all, fill }
}

const texts = (records: readonly ({ bytes: Uint8Array } | undefined)[]) => records.map((record) => text(record?.bytes))

describe("what needs more than one batch of a cursor is one snapshot", () => {
  it("a read", async () => {
    const { standIn, storage, fill } = await filled()
    const held = standIn.faults.inject({ commands: ["getMore"], action: { do: "hold" } })
    const read = storage.read(
      "p",
      leaves.map((leaf) => at(leaf)),
    )
    await held.struck()
    await fill("1")
    held.release()
    expect(texts(await read)).toEqual(leaves.map(() => "0"))
    expect(held.hits).toBe(1)
  })

  it("a page", async () => {
    const { standIn, storage, fill } = await filled()
    const held = standIn.faults.inject({ commands: ["getMore"], action: { do: "hold" } })
    const page = storage.list("p", "c", everything)
    await held.struck()
    await fill("1")
    held.release()
    expect(texts((await page).records.map(({ record }) => record))).toEqual(leaves.map(() => "0"))
    expect(held.hits).toBe(1)
  })
})

describe("a read is done anew", () => {
  it.each([
    ["find", 239],
    ["find", 246],
    ["find", 11602],
    ["getMore", 43],
    ["getMore", 237],
    ["getMore", 11602],
  ] as const)("after a %s that failed with %i", async (command, code) => {
    const { standIn, storage } = await filled()
    const fault = standIn.faults.inject({ commands: [command], action: { do: "fail", code } })
    expect(
      texts(
        await storage.read(
          "p",
          leaves.map((leaf) => at(leaf)),
        ),
      ),
    ).toEqual(leaves.map(() => "0"))
    expect((await storage.list("p", "c", everything)).records).toHaveLength(leaves.length)
    expect(fault.hits).toBe(1)
    expect(standIn.openCursors).toBe(0)
  })

  it.each(["find", "getMore"])("after the connection was cut in a %s", async (command) => {
    const { standIn, storage } = await filled()
    const fault = standIn.faults.inject({ commands: [command], times: 2, action: { do: "cut-after" } })
    expect(
      texts(
        await storage.read(
          "p",
          leaves.map((leaf) => at(leaf)),
        ),
      ),
    ).toEqual(leaves.map(() => "0"))
    expect(fault.hits).toBe(2)
  })

  it("32 times, then it is UNAVAILABLE", async () => {
    const { standIn, storage } = await opened()
    vi.spyOn(Math, "random").mockReturnValue(0)
    const fault = standIn.faults.inject({ commands: ["find"], times: 100, action: { do: "fail", code: 246 } })
    await expect(storage.read("p", [at("a")])).rejects.toMatchObject({ code: "UNAVAILABLE" })
    expect(fault.hits).toBe(32)
    vi.restoreAllMocks()
  })
})

it("a read that takes longer than `maxTimeMS` is UNAVAILABLE, and not done anew", async () => {
  const { standIn, storage } = await opened({ maxTimeMS: 50 })
  const fault = standIn.faults.inject({ commands: ["find"], times: 100, action: { do: "delay", millis: 20_000 } })
  await expect(storage.read("p", [at("a")])).rejects.toMatchObject({ code: "UNAVAILABLE" })
  await expect(storage.list("p", "c", everything)).rejects.toMatchObject({ code: "UNAVAILABLE" })
  expect(fault.hits).toBe(2)
})

it("a page that ends early closes its cursor", async () => {
  const { standIn, storage } = await filled()
  const { records, more } = await storage.list("p", "c", { limit: 1_000, maxBytes: 2 })
  expect([records.length, more]).toEqual([2, true])
  await vi.waitFor(() => expect(standIn.openCursors).toBe(0))
})

it("what somebody else has put there is FATAL, and not told", async () => {
  const { storage, documents } = await opened()
  await documents.insertOne({ partition: "p", collection: "c", leaf: "a", revision: 7, bytes: "hunter2" } as never)
  for (const read of [storage.read("p", [at("a")]), storage.list("p", "c", everything)]) {
    await expect(read).rejects.toMatchObject({ code: "FATAL", message: "what MongoDB holds at c/a is no record" })
  }
})

it("a record of 8 MiB, and a commit of the largest size, from one client to another", async () => {
  const { standIn, storage } = await opened()
  const { recordBytes, commitBytes } = storage.limits
  const writes = Array.from({ length: commitBytes / recordBytes }, (_, i) =>
    put(at(`${i}`), new Uint8Array(recordBytes)),
  )
  expect(await outcomeOf(storage, { checks: [], writes })).toBe("committed")
  const { storage: other } = await storageOn(standIn)
  const found = await other.read(
    "p",
    writes.map(({ leaf }) => at(leaf)),
  )
  expect(found.map((record) => record?.bytes.length)).toEqual(writes.map(() => recordBytes))
})
