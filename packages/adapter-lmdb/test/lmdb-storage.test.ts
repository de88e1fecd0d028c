import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { testStorageAdapter } from "@strongroom/adapter-testkit"
import * as vitest from "vitest"
import { lmdbStorage } from "../src/index.ts"
import { putText, read, write } from "./records.ts"
import { lmdbStore } from "./store.ts"
import { temporaryDirectory } from "./temporary.ts"

const { describe, expect, it } = vitest

testStorageAdapter(vitest, { name: "lmdb", make: lmdbStore })

describe("the directory", () => {
  it("is made with its parents, readable by nobody else, also with a dot in its name", async () => {
    const parent = join(temporaryDirectory(), "made")
    const path = join(parent, "store.v1")
    const storage = lmdbStorage({ path })
    await write(storage, "a", "text")
    await storage.close()
    for (const directory of [parent, path]) expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(readdirSync(path).sort()).toEqual(["data.mdb", "lock.mdb"])
    for (const file of readdirSync(path)) expect(statSync(join(path, file)).mode & 0o777).toBe(0o600)
  })

  it("keeps the mode it has", async () => {
    const path = join(temporaryDirectory(), "shared")
    mkdirSync(path)
    chmodSync(path, 0o750)
    await lmdbStorage({ path }).close()
    expect(statSync(path).mode & 0o777).toBe(0o750)
  })

  it("holds the records when it is opened again", async () => {
    const path = temporaryDirectory()
    for (let round = 0; round < 5; round++) {
      const storage = lmdbStorage({ path })
      for (let before = 0; before < round; before++) expect(await read(storage, `${before}`)).toBe(`text ${before}`)
      await write(storage, `${round}`, `text ${round}`)
      await storage.close()
    }
  })

  it("grows far beyond its first map, under the eyes of a reader", async () => {
    const storage = lmdbStorage({ path: temporaryDirectory() })
    const text = "x".repeat(1 << 20)
    for (let i = 0; i < 24; i++) {
      await write(storage, `${i}`, text)
      expect((await read(storage, `${i >> 1}`))?.length).toBe(text.length)
    }
    await storage.close()
  })
})

describe("one directory, opened twice in a process", () => {
  it("is one store until both are closed", async () => {
    const path = temporaryDirectory()
    const first = lmdbStorage({ path })
    const underWay = Array.from({ length: 20 }, (_, i) => write(first, `${i}`, "first"))
    const second = lmdbStorage({ path: join(path, "..", path.slice(path.lastIndexOf("/") + 1)) })
    await Promise.all(underWay)
    expect(await read(second, "0")).toBe("first")
    await write(second, "0", "second")
    expect(await read(first, "0")).toBe("second")
    // To close one is to wait for its own commits only, not for a moment at which the other rests.
    let over = false
    const lanes = [0, 1, 2].map(async (lane) => {
      for (let i = 0; !over; i++) expect(await write(second, `lane-${lane}`, `${i}`)).toBe("committed")
    })
    let last = "under way"
    void write(first, "last", "first").then((status) => {
      last = status
    })
    await first.close()
    expect(last).toBe("committed")
    over = true
    await Promise.all(lanes)
    expect(await write(second, "1", "alone")).toBe("committed")
    await second.close()
    const third = lmdbStorage({ path })
    expect(await read(third, "1")).toBe("alone")
    await third.close()
  })
})

describe("commits at the same time", () => {
  it("do not roll each other back", async () => {
    const storage = lmdbStorage({ path: temporaryDirectory() })
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        storage.commit("p", {
          // Every other one fails its check.
          checks: i % 2 === 0 ? [] : [{ collection: "c", leaf: `${i}`, revision: "0".repeat(26) }],
          writes: [putText(`${i}`, "x")],
        }),
      ),
    )
    expect(results.map((r) => r.status)).toEqual(results.map((_, i) => (i % 2 === 0 ? "committed" : "conflict")))
    const page = await storage.list("p", "c", { limit: 1_000, maxBytes: 1e6 })
    expect(page.records).toHaveLength(100)
    await storage.close()
  })

  it("are as they were when they were sent, whatever becomes of what was handed in", async () => {
    const storage = lmdbStorage({ path: temporaryDirectory() })
    const check = { collection: "c", leaf: "a", revision: Array.of<string>()[0] }
    const writes = [putText("a", "sent")]
    const sent = storage.commit("p", { checks: [check], writes })
    Object.assign(check, { leaf: "b", revision: "0".repeat(26) })
    writes[0] = putText("a", "later")
    expect(await sent).toEqual({ status: "committed" })
    expect(await read(storage, "a")).toBe("sent")
    await storage.close()
  })

  it("end with UNKNOWN_OUTCOME when they are aborted after they were sent, and are committed all the same", async () => {
    const path = temporaryDirectory()
    const storage = lmdbStorage({ path })
    const abort = new AbortController()
    const sent = { checks: [], writes: [putText("a", "sent")] }
    const aborted = storage.commit("p", sent, { signal: abort.signal })
    abort.abort()
    await expect(aborted).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" })
    await storage.close()
    const again = lmdbStorage({ path })
    expect(await read(again, "a")).toBe("sent")
    const kept = { checks: [], writes: [putText("b", "kept")] }
    expect(await again.commit("p", kept, { signal: new AbortController().signal })).toEqual({ status: "committed" })
    await again.close()
  })
})
