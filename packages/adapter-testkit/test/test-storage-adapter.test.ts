import { memoryStorage, type StorageAdapter } from "@strongroom/core"
import { afterEach, describe, expect, it, vi } from "vitest"
import { type Clause, runClause } from "../src/clause.ts"
import { clauses } from "../src/clauses/all.ts"
import { type MakeStore, testStorageAdapter } from "../src/index.ts"
import { memoryStore } from "./support/memory-store.ts"

interface Run {
  /** The reason why each clause failed, by its id. */
  readonly failed: ReadonlyMap<string, string>
  /** The reasons given to the runner's own `skip`. */
  readonly skipped: readonly string[]
  readonly printed: string
}

/** A runner of this test's own: the first word of a test's name is the clause's id. */
const runAll = async (make: MakeStore): Promise<Run> => {
  const tests: { id: string; body: (context: unknown) => Promise<void> }[] = []
  let finish = () => {}
  const runner = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: (...context: unknown[]) => Promise<void>) => {
      expect(body, "to jest and mocha a parameter means a callback").toHaveLength(0)
      tests.push({ id: name.slice(0, name.indexOf(":")), body })
    },
    after: (body: () => void) => {
      finish = body
    },
  }
  testStorageAdapter(runner, { name: "tested", make })
  expect(tests.map(({ id }) => id)).toEqual(clauses.map(({ id }) => id))
  const failed = new Map<string, string>()
  const skipped: string[] = []
  const context = { skip: (reason: string) => skipped.push(reason) }
  for (const { id, body } of tests) await body(context).catch((error: unknown) => failed.set(id, String(error)))
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true)
  finish()
  const printed = write.mock.calls.map(([text]) => text).join("")
  write.mockRestore()
  return { failed, skipped, printed }
}

const idsOf = (part: string) => clauses.filter(({ needs }) => needs === part).map(({ id }) => id)

describe("a store that gives everything", () => {
  it("skips nothing and says so", async () => {
    const { failed, skipped, printed } = await runAll(memoryStore())
    expect([failed.size, skipped]).toEqual([0, []])
    expect(printed).toBe(`storage adapter tested: ${clauses.length} ran, 0 skipped\n`)
  })
})

describe("a store that gives less", () => {
  it("fails where the adapter's own declarations ask for it, and says what to give", async () => {
    const { failed, printed } = await runAll(async () => {
      const { reopen: _, second: __, ...store } = await memoryStore()()
      return store
    })
    expect([...failed.keys()].sort()).toEqual([...idsOf("reopen"), ...idsOf("second")].sort())
    for (const id of idsOf("reopen")) expect(failed.get(id)).toContain("declares `durable`: make() must give `reopen`")
    for (const id of idsOf("second")) expect(failed.get(id)).toContain("declares `shared`: make() must give `second`")
    expect(printed).toBe(`storage adapter tested: ${clauses.length} ran, ${failed.size} failed, 0 skipped\n`)
  })

  it("skips what is not mandatory, and prints which clauses and why", async () => {
    const { failed, skipped, printed } = await runAll(async () => {
      const { peek: _, peer: __, ...store } = await memoryStore()()
      return store
    })
    expect(failed.size).toBe(0)
    expect(skipped).toEqual(["make() gives no `peer`", "make() gives no `peek`", "make() gives no `peek`"])
    expect(printed.split("\n")).toEqual([
      `storage adapter tested: ${clauses.length - 3} ran, 3 skipped`,
      "storage adapter tested: skipped, make() gives no `peer`: peer-killed",
      "storage adapter tested: skipped, make() gives no `peek`: at-rest-as-given, at-rest-sealed",
      "",
    ])
  })

  it("skips what the adapter does not claim, whatever it gives", async () => {
    const capabilities = { durable: false, shared: false, exceptions: [] }
    const { failed, printed } = await runAll(memoryStore(() => ({ capabilities })))
    expect(failed.size).toBe(0)
    expect(printed).toContain(`the adapter is not \`durable\`: ${idsOf("reopen").join(", ")}\n`)
    const shared = clauses.filter(({ needs }) => needs === "second" || needs === "peer").map(({ id }) => id)
    expect(printed).toContain(`the adapter is not \`shared\`: ${shared.join(", ")}\n`)
  })
})

describe("the summary", () => {
  it("prints the exceptions that an adapter declares", async () => {
    const exceptions = ["A failover may lose what no replica has.", "Reads are late by a second."]
    const { printed } = await runAll(memoryStore(() => ({ capabilities: { durable: true, shared: true, exceptions } })))
    for (const exception of exceptions) {
      expect(printed).toContain(`storage adapter tested: exception declared: ${exception}\n`)
    }
  })
})

describe("a clause", () => {
  const [clause] = clauses
  if (clause === undefined) throw new Error("there is no clause")

  it("closes every client, and then disposes of the store, also when it fails", async () => {
    const events: string[] = []
    const make: MakeStore = async () => {
      const storage = memoryStorage()
      const close = (name: string) => async () => void events.push(`close ${name}`)
      const client = (name: string): StorageAdapter => ({ ...storage, close: close(name) })
      return {
        storage: { ...client("first"), capabilities: { durable: true, shared: true, exceptions: [] } },
        second: async () => client("second"),
        dispose: async () => void events.push("dispose"),
      }
    }
    const failing: Clause = {
      id: "failing",
      title: "fails",
      needs: "second",
      async run(subject) {
        await subject.second()
        throw new Error("broken")
      },
    }
    await expect(runClause(failing, make)).rejects.toThrow("broken")
    expect(events).toEqual(["close first", "close second", "dispose"])
  })

  it("fails when the store cannot be disposed of, but tells first what else is wrong", async () => {
    const dispose = () => Promise.reject(new Error("cannot be removed"))
    const make: MakeStore = async () => ({ storage: memoryStorage(), dispose })
    await expect(runClause(clause, make)).rejects.toThrow("cannot be removed")
    const broken: MakeStore = async () => ({ storage: { ...memoryStorage(), read: async () => [] }, dispose })
    await expect(runClause(clause, broken)).rejects.toThrow("deep-equal")
  })

  describe("of an adapter that never answers", () => {
    afterEach(() => void vi.useRealTimers())

    it("ends by itself, with its name, also where the runner would wait for ever", async () => {
      vi.useFakeTimers()
      const never = new Promise<never>(() => {})
      const make: MakeStore = async () => ({
        storage: { ...memoryStorage(), commit: () => never },
        dispose: async () => {},
      })
      const bodies: (() => Promise<void>)[] = []
      const runner = { describe: (_: string, body: () => void) => body(), afterAll: () => {} }
      testStorageAdapter({ ...runner, it: (_, body) => bodies.push(body) }, { name: "tested", make })
      const failing = expect(bodies[0]?.()).rejects.toThrow(`${clause.id} did not end within 60000 ms`)
      await vi.advanceTimersByTimeAsync(60_000)
      await failing
    })
  })
})

it("asks for a hook after all tests", () => {
  const runner = { describe: () => {}, it: () => {} }
  expect(() => testStorageAdapter(runner, { name: "tested", make: memoryStore() })).toThrow("`afterAll` or `after`")
})
