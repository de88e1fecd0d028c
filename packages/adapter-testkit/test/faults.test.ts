import { memoryStorage, type StorageAdapter } from "@strongroom/core"
import { describe, expect, it } from "vitest"
import { type Fault, injectFaults } from "../src/faults.ts"

const partition = "faults"
const address = { collection: "collection", leaf: "leaf" }
const revision = "0".repeat(26)
const commit = {
  checks: [{ ...address, revision: undefined }],
  writes: [{ ...address, record: { revision, bytes: new Uint8Array([1]) } }],
}

/** One commit with a fault, and what is in the store when it has replied. */
const commitWith = async (fault: Fault) => {
  const store = memoryStorage()
  const injector = injectFaults(store)
  injector.arm(({ kind }) => (kind === "commit" ? fault : undefined))
  const [reply] = await Promise.allSettled([injector.storage.commit(partition, commit)])
  const isThere = async () => (await store.read(partition, [address]))[0] !== undefined
  return { reply, injector, isThere }
}

const rejects = (code: string) => ({ status: "rejected", reason: { code } })
const replies = (status: string) => ({ status: "fulfilled", value: { status } })

describe("injected faults", () => {
  it.each<[Fault, object, boolean]>([
    [{ kind: "refuse", code: "BUSY" }, rejects("BUSY"), false],
    [{ kind: "lose-request" }, rejects("UNKNOWN_OUTCOME"), false],
    [{ kind: "lose-reply" }, rejects("UNKNOWN_OUTCOME"), true],
    [{ kind: "foreign" }, { status: "rejected", reason: expect.any(TypeError) }, true],
    [{ kind: "twice" }, replies("conflict"), true],
    [{ kind: "again-late", after: 0 }, replies("committed"), true],
    [{ kind: "late", after: 0 }, rejects("UNKNOWN_OUTCOME"), false],
    [{ kind: "slow-request", until: () => Promise.resolve() }, replies("committed"), true],
    [{ kind: "slow-reply", until: () => Promise.reject(new Error("nobody's")) }, replies("committed"), true],
  ])("%j: what is reported, and what is applied", async (fault, reply, applied) => {
    const result = await commitWith(fault)
    expect(result.reply).toMatchObject(reply)
    expect(await result.isThere()).toBe(applied)
    expect(result.injector.happened[fault.kind]).toBe(1)
  })

  it("lets a late copy arrive before a later call, or when asked to", async () => {
    const { injector, isThere } = await commitWith({ kind: "late", after: 1 })
    await injector.storage.list(partition, "other", { limit: 1, maxBytes: 1 })
    expect(await isThere()).toBe(false)
    expect(await injector.storage.read(partition, [address])).toMatchObject([{ revision }])
    expect(injector.appliedLate()).toBe(1)

    const other = await commitWith({ kind: "late", after: 100 })
    await other.injector.deliverAll()
    expect(await other.isThere()).toBe(true)
  })

  it("holds a slow request back, and a slow reply only", async () => {
    for (const kind of ["slow-request", "slow-reply"] as const) {
      const store = memoryStorage()
      const injector = injectFaults(store)
      const { promise, resolve } = Promise.withResolvers<void>()
      injector.arm(({ index }) => (index === 0 ? { kind, until: () => promise } : undefined))
      let replied = false
      const committing = injector.storage.commit(partition, commit).then(() => {
        replied = true
      })
      const [found] = await injector.storage.read(partition, [address])
      expect([found !== undefined, replied]).toEqual([kind === "slow-reply", false])
      resolve()
      await committing
    }
  })

  it("hands options on with the first copy, and none with a late one", async () => {
    const inner = memoryStorage()
    const seen: unknown[] = []
    const observed: StorageAdapter = {
      ...inner,
      commit(name, content, options) {
        seen.push(options)
        return inner.commit(name, content)
      },
    }
    const injector = injectFaults(observed)
    const options = { signal: new AbortController().signal }
    injector.arm(({ index }) => (index === 0 ? { kind: "again-late", after: 0 } : undefined))
    await injector.storage.commit(partition, commit, options)
    await injector.deliverAll()
    expect(seen).toEqual([options, undefined])
  })
})
