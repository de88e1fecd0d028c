import { describe, expect, it } from "vitest"
import { localKeys } from "../../src/crypto/local-keys.ts"
import type { KeyProvider } from "../../src/ports/keys.ts"
import type { Logger } from "../../src/ports/logger.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { openStrongroom, type StrongroomOptions } from "../../src/strongroom.ts"

const keys = localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }])

const optionsOf = (changes: object): StrongroomOptions => ({ storage: memoryStorage(), keys, ...changes })

/** What untyped callers do. */
const untyped = (value: unknown): never => value as never

describe("openStrongroom", () => {
  it.each([
    ["limits.valuesPerRequest", { limits: { valuesPerRequest: Number.NaN } }],
    ["limits.valuesPerRequest", { limits: { valuesPerRequest: 0 } }],
    ["limits.valuesPerRequest", { limits: { valuesPerRequest: 1.5 } }],
    ["limits.valuesPerRequest", { limits: { valuesPerRequest: "5" } }],
    ["storage", { storage: undefined }],
    ["storage", { storage: { read() {} } }],
    ["keys", { keys: undefined }],
    ["logger", { logger: {} }],
    ["audit.reads", { audit: { reads: "no" } }],
    ["requireAllowedDomains", { requireAllowedDomains: "yes" }],
    ["sharedSuffixes", { sharedSuffixes: "github.io" }],
    ["sharedSuffixes[1]", { sharedSuffixes: ["github.io", "GitHub.io"] }],
    ["sharedSuffixes[0]", { sharedSuffixes: ["*.github.io"] }],
    ["wildcard", { wildcard: "two-labels" }],
  ])("refuses a wrong %s by its name", async (path, changes) => {
    await expect(openStrongroom(optionsOf(changes))).rejects.toMatchObject({ code: "INVALID_INPUT", details: { path } })
  })

  it("refuses no options at all, and keys that are no list", async () => {
    await expect(openStrongroom(untyped(undefined))).rejects.toMatchObject({ code: "INVALID_INPUT" })
    expect(() => localKeys(untyped(undefined))).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }))
    expect(() => localKeys([untyped(null)])).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }))
  })
})

const failing = (): never => {
  throw new Error("no log for you")
}
const throwing: Logger = { debug: failing, info: failing, warn: failing, error: failing }

it("finds out what became of a commit although its logger throws", async () => {
  const memory = memoryStorage()
  let lost = 0
  const storage: StorageAdapter = {
    ...memory,
    commit: async (...args) => {
      const result = await memory.commit(...args)
      if (lost++ % 2 === 0) throw Object.assign(new Error("reply lost"), { code: "UNKNOWN_OUTCOME" })
      return result
    },
  }
  await using strongroom = await openStrongroom(optionsOf({ storage, logger: throwing }))
  const { owner } = await strongroom.workspaces.create({ slug: "ws_log", name: "Log" })
  await strongroom.projects.create(owner, { slug: "prj_log", name: "Log" })
  expect(await strongroom.projects.list(owner)).toHaveLength(1)
  expect(lost).toBeGreaterThan(4)
})

describe("an adapter or provider that does not keep to its port", () => {
  const broken = async (changes: Partial<StorageAdapter>) => {
    const memory = memoryStorage()
    let works = true
    const choose =
      <K extends "read" | "list" | "commit">(name: K): StorageAdapter[K] =>
      (...args: never[]) =>
        Reflect.apply((works ? undefined : changes[name]) ?? memory[name], memory, args)
    const storage = { ...memory, read: choose("read"), list: choose("list"), commit: choose("commit") }
    const strongroom = await openStrongroom(optionsOf({ storage }))
    const { owner } = await strongroom.workspaces.create({ slug: "ws_port", name: "Port" })
    works = false
    return { strongroom, owner }
  }

  it("is STORAGE_FAILED when a read gives too few records, or something that is none", async () => {
    for (const answer of [[], [null], [{ revision: 1, bytes: "x" }], undefined]) {
      const { strongroom, owner } = await broken({ read: async () => untyped(answer) })
      await expect(strongroom.tokens.verify(owner)).rejects.toMatchObject({ code: "STORAGE_FAILED" })
    }
  })

  it("is STORAGE_FAILED when a page is none", async () => {
    for (const answer of [undefined, { records: [] }, { records: [{ leaf: "a" }], more: false }]) {
      const { strongroom, owner } = await broken({ list: async () => untyped(answer) })
      await expect(strongroom.projects.list(owner)).rejects.toMatchObject({ code: "STORAGE_FAILED" })
    }
  })

  it("leaves the outcome unknown when a commit says nothing that the port knows", async () => {
    const { strongroom, owner } = await broken({ commit: async () => untyped(undefined) })
    const creating = strongroom.projects.create(owner, { slug: "prj_port", name: "Port" })
    await expect(creating).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" })
  })

  it("is KEY_PROVIDER_FAILED when what is unwrapped is no key", async () => {
    const storage = memoryStorage()
    await openStrongroom(optionsOf({ storage: { ...storage, close: async () => {} } }))
    const short: KeyProvider = { ...keys, unwrap: async () => new Uint8Array(16) }
    await expect(openStrongroom({ storage, keys: short })).rejects.toMatchObject({ code: "KEY_PROVIDER_FAILED" })
  })
})
