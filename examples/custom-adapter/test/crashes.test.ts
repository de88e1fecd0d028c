/** What a power failure, a kill or a bad disk leaves behind. */
import { mkdtemp, type open, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Commit, StorageAdapter } from "@strongroom/core"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { directoryStorage } from "../src/directory-storage.ts"

/** `fsync` of directories, with the number of those that succeeded; files are synced by `writeFile`. */
const disk = vi.hoisted(() => ({ synced: 0, fails: false }))

vi.mock("node:fs/promises", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs/promises")>()
  return {
    ...fs,
    open: async (...args: Parameters<typeof open>) => {
      const handle = await fs.open(...args)
      const sync = handle.sync.bind(handle)
      handle.sync = async () => {
        if (disk.fails) throw new Error("EIO")
        await sync()
        disk.synced++
      }
      return handle
    },
  }
})

const commitOf = (leaf: string): Commit => {
  const address = { collection: "c", leaf }
  const record = { revision: "0".repeat(26), bytes: new Uint8Array(3) }
  return { checks: [{ ...address, revision: undefined }], writes: [{ ...address, record }] }
}

const read = (storage: StorageAdapter, leaf: string) => storage.read("p", [{ collection: "c", leaf }])

let path: string
let storage: StorageAdapter
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "strongroom-crashes-"))
  storage = directoryStorage(path)
  disk.fails = false
  await storage.commit("p", commitOf("first"))
})
afterEach(() => rm(path, { recursive: true }))

describe("a commit whose folder could not be synced", () => {
  it("is neither confirmed nor shown, by any process, until the folder is synced", async () => {
    const other = directoryStorage(path)
    await read(other, "first")
    disk.fails = true
    await expect(storage.commit("p", commitOf("a"))).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" })
    for (const client of [storage, other]) {
      await expect(client.commit("p", commitOf("a"))).rejects.toMatchObject({ code: "UNAVAILABLE" })
      await expect(read(client, "a")).rejects.toMatchObject({ code: "UNAVAILABLE" })
    }
    disk.fails = false
    for (const client of [storage, other]) {
      const before = disk.synced
      const address = { collection: "c", leaf: "a" }
      expect(await client.commit("p", commitOf("a"))).toEqual({ status: "conflict", addresses: [address] })
      expect(disk.synced).toBe(before + 1)
      await read(client, "a")
      expect(disk.synced, "once for what is new").toBe(before + 1)
    }
  })
})

describe("what killed processes have staged", () => {
  const stagedFiles = async () => (await readdir(join(path, "p-p"))).filter((name) => name.startsWith("staged-"))

  it("is removed when the partition is opened", async () => {
    await writeFile(join(path, "p-p", "staged-of-the-dead"), "half a comm")
    await read(storage, "first")
    expect(await stagedFiles()).toEqual(["staged-of-the-dead"])
    await read(directoryStorage(path), "first")
    expect(await stagedFiles()).toEqual([])
  })

  it("takes no commit from those who are alive", async () => {
    let writing = true
    const opening = (async () => {
      while (writing) await read(directoryStorage(path), "first")
    })()
    for (let i = 0; i < 50; i++) expect(await storage.commit("p", commitOf(`${i}`))).toEqual({ status: "committed" })
    writing = false
    await opening
    expect(await stagedFiles()).toEqual([])
  })
})

it("a damaged commit is FATAL, wherever the damage is", async () => {
  const file = join(path, "p-p", "0")
  const whole = await readFile(file)
  for (const damage of [0, 40, whole.length - 1]) {
    await writeFile(
      file,
      whole.map((byte, i) => (i === damage ? byte ^ 1 : byte)),
    )
    await expect(read(directoryStorage(path), "first")).rejects.toMatchObject({ code: "FATAL" })
  }
  await writeFile(file, whole.subarray(0, 10))
  const cut = directoryStorage(path)
  await expect(read(cut, "first")).rejects.toMatchObject({ code: "FATAL" })
  await expect(cut.commit("p", commitOf("a"))).rejects.toMatchObject({ code: "FATAL" })
})
