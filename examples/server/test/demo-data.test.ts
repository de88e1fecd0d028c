import { localKeys, memoryStorage, openStrongroom, type StorageAdapter } from "@strongroom/core"
import { describe, expect, test } from "vitest"
import { ensureDemoData } from "../src/demo-data.ts"

/**
 * A process that dies between any two commits of the first start, on a store that outlives it. What the spawned server
 * meets at random moments, here at each one.
 */
const store = () => {
  const inner = memoryStorage()
  /** As one process sees it that can commit `lifetime` times. */
  const forProcess = (lifetime: number): StorageAdapter => {
    let commits = 0
    return {
      limits: inner.limits,
      capabilities: inner.capabilities,
      read: (...call) => inner.read(...call),
      list: (...call) => inner.list(...call),
      commit: async (...call) => {
        commits += 1
        if (commits > lifetime) throw Object.assign(new Error("killed"), { code: "FATAL" })
        return inner.commit(...call)
      },
      close: async () => {},
    }
  }
  return { forProcess }
}

const open = (storage: StorageAdapter) =>
  openStrongroom({ storage, keys: localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }]) })

/** Opens the store, makes what is missing and dies after `lifetime` commits. */
const startOnce = async ({ forProcess }: ReturnType<typeof store>, lifetime: number, given?: string) => {
  const shown: string[] = []
  try {
    const strongroom = await open(forProcess(lifetime))
    const demo = await ensureDemoData(strongroom, given, (token) => shown.push(token))
    return { strongroom, demo, shown }
  } catch {
    return { strongroom: undefined, demo: undefined, shown }
  }
}

describe.each([
  ["a token of its own", undefined],
  ["a token that is given", `ek_live_${"A".repeat(43)}`],
])("a first start with %s that dies at any commit", (_, given) => {
  test("is completed by the next, which knows a token that works", async () => {
    let completed = false
    let lifetime = 0
    for (; !completed; lifetime++) {
      const kept = store()
      const first = await startOnce(kept, lifetime, given)
      completed = first.demo !== undefined
      const { strongroom, demo, shown } = await startOnce(kept, Number.POSITIVE_INFINITY, given)
      if (strongroom === undefined) throw new Error(`not completed after ${lifetime} commits`)
      expect(demo?.environments.map(({ name }) => name)).toEqual(["development", "staging", "production"])

      const principal = await strongroom.tokens.identify(given ?? shown[0] ?? first.shown[0] ?? "")
      if (principal === undefined) throw new Error(`no token works after ${lifetime} commits`)
      await strongroom.tokens.verify(principal)
      const environments = await strongroom.environments.list(principal, { project: "prj_example" })
      expect(environments).toHaveLength(3)
      expect((await strongroom.vaults.list(principal)).map(({ id }) => id)).toEqual([demo?.vault.id])
    }
    expect(lifetime).toBeGreaterThan(8)
  })
})

test("a complete start followed by others changes nothing", async () => {
  const kept = store()
  const first = await startOnce(kept, Number.POSITIVE_INFINITY)
  expect(first.shown).toHaveLength(1)
  expect(await startOnce(kept, 0)).toMatchObject({ demo: first.demo, shown: [] })
})
