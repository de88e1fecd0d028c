import { memoryStorage, type StorageAdapter } from "@strongroom/core"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type FaultKind, injectFaults } from "../../src/faults.ts"
import { checkLinearizable } from "../../src/histories/linearizability.ts"
import { plans } from "../../src/histories/plans.ts"
import { randomHistories } from "../../src/histories/random-histories.ts"
import { runPlan } from "../../src/histories/run-plan.ts"
import { brokenStores, type Gap, gaps } from "./support/broken-stores.ts"

let partitions = 0
const options = (runs: number) => ({ runs, partition: () => `history-${partitions++}` })

/** The clients of a new store: one, or two that act as if each had it alone. */
const memory = (count: number): readonly StorageAdapter[] => {
  const storage = memoryStorage()
  return Array.from({ length: count }, () => storage)
}

/** Of 20 seeds, those for which a store is seen to be wrong within 300 histories. */
const seedsThatFind = async (make: (gap: Gap) => readonly StorageAdapter[], gap: Gap): Promise<number> => {
  let found = 0
  for (let seed = 1; seed <= 20; seed++) {
    const { failed } = await fc.check(
      fc.asyncProperty(plans, async (plan) => checkLinearizable(await runPlan(plan, make(gap), "p")).linearizable),
      { seed, numRuns: 300, endOnFailure: true },
    )
    if (failed) found++
  }
  return found
}

describe("random histories", () => {
  it.each([1, 2])("find nothing wrong with memory, by %d adapters", (count) =>
    randomHistories(memory(count), options(1_000)),
  )

  it("find nothing wrong when replies are lost, late or slow", async () => {
    const kinds = ["lose-request", "lose-reply", "late", "slow-request", "slow-reply", "foreign", "refuse"] as const
    const injector = injectFaults(memoryStorage())
    const turn = gaps["a turn of the event loop"]
    let count = 0
    injector.arm(() => {
      const kind: FaultKind | undefined = ++count % 3 === 0 ? kinds[(count / 3) % kinds.length] : undefined
      switch (kind) {
        case undefined:
          return undefined
        case "refuse":
          return { kind, code: "UNAVAILABLE" }
        case "late":
          return { kind, after: count % 5 }
        case "slow-request":
        case "slow-reply":
          return { kind, until: turn }
        default:
          return { kind }
      }
    })
    await randomHistories([injector.storage], options(500))
    for (const kind of kinds) expect(injector.happened[kind], kind).toBeGreaterThan(100)
    expect(injector.appliedLate()).toBeGreaterThan(50)
  })

  const names = Object.keys(brokenStores)
  const inATurn = names.map((name) => [name, "a turn of the event loop"] as const)
  const inAMicrotask = names
    .filter((name) => /^(a lost update|write skew|a torn read|a torn commit)/.test(name))
    .map((name) => [name, "a microtask"] as const)

  it.each([...inATurn, ...inAMicrotask])("find %s, when the window is %s", async (name, gap) => {
    const make = brokenStores[name]
    if (make === undefined) throw new Error("no such store")
    expect(await seedsThatFind(make, gaps[gap])).toBeGreaterThanOrEqual(19)
  })

  const canary = "a canary"
  const leaks: Record<string, (inner: StorageAdapter) => Partial<StorageAdapter>> = {
    "other bytes": (inner) => ({
      async read(partition, addresses) {
        const records = await inner.read(partition, addresses)
        return records.map((record) => record && { ...record, bytes: new TextEncoder().encode(canary) })
      },
    }),
    "another revision": (inner) => ({
      async list(partition, collection, asked) {
        const page = await inner.list(partition, collection, asked)
        return {
          ...page,
          records: page.records.map(({ leaf, record }) => ({ leaf, record: { ...record, revision: canary } })),
        }
      },
    }),
    "another leaf": (inner) => ({
      async list(partition, collection, asked) {
        const page = await inner.list(partition, collection, asked)
        return { ...page, records: page.records.map(({ record }) => ({ leaf: canary, record })) }
      },
    }),
    "another address": (inner) => ({
      async commit(partition, content) {
        const result = await inner.commit(partition, content)
        return result.status === "conflict" ? { ...result, addresses: [{ collection: canary, leaf: canary }] } : result
      },
    }),
  }

  it.each(Object.entries(leaks))("show a short history, and how to repeat it, without %s", async (_, leak) => {
    const inner = memoryStorage()
    const leaky = { ...inner, ...leak(inner) }
    const again = async (more: object) => {
      const error: unknown = await randomHistories([leaky], { ...options(300), ...more }).catch(
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject({ name: "AssertionError" })
      return error instanceof Error ? error.message : ""
    }
    const message = await again({ seed: 7 })
    expect(message).toMatch(/^No order of these calls/)
    expect(message).not.toContain("canary")
    // Two lines of explanation, one for how to repeat it, and at most five calls.
    expect(message.split("\n").length).toBeLessThanOrEqual(8)
    const path = /^Repeat it with \{ seed: 7, path: "([\d:]+)" \}\.$/m.exec(message)?.[1]
    expect(path).toBeDefined()
    expect(await again({ seed: 7, path })).toBe(message)
  })

  it("take a reply of the wrong shape for a failure", async () => {
    const broken: StorageAdapter = { ...memoryStorage(), read: async () => JSON.parse("null") }
    await expect(randomHistories([broken], options(10))).rejects.toThrow("A reply that no store may give")
  })

  it("do not trust a store that never answers", async () => {
    const unavailable = () => Promise.reject(Object.assign(new Error("down"), { code: "UNAVAILABLE" }))
    for (const method of ["read", "list", "commit"] as const) {
      const storage = { ...memoryStorage(), [method]: unavailable }
      await expect(randomHistories([storage], options(50))).rejects.toThrow("no call was ever")
    }
  })
})
