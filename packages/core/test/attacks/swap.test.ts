import fc from "fast-check"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { nameOf } from "../../src/records/sealed-record.ts"
import { check, timeout } from "../support/runs.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { withBytes, withChanges } from "./support/tampering.ts"
import { actOn, healthyWorld, judge, type Outcomes, outcomesOf } from "./support/verdict.ts"
import { byKind, openEngine, readsOf, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

const slow = process.env["STRONGROOM_SLOW"] === "1"

let world: World
let before: Outcomes

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
})

type Swap = (a: Stored, b: Stored) => readonly [Stored, Stored]

const swaps: readonly Swap[] = [
  // bytes alone
  (a, b) => [withBytes(a, b.record.bytes), withBytes(b, a.record.bytes)],
  // bytes and revisions
  (a, b) => [
    { ...a, record: b.record },
    { ...b, record: a.record },
  ],
  // revisions alone
  (a, b) => [
    { ...a, record: { ...a.record, revision: b.record.revision } },
    { ...b, record: { ...b.record, revision: a.record.revision } },
  ],
]

const pairsOf = <A>(items: readonly A[]): readonly (readonly [A, A])[] =>
  items.flatMap((a, index) => items.slice(index + 1).map((b) => [a, b] as const))

describe("attack 1: two records are swapped", () => {
  it("one of every kind with one of every kind: a new process notices", async () => {
    const kinds = [...byKind(world).values()]
    expect(kinds.length).toBeGreaterThanOrEqual(20)
    const pairs = slow
      ? pairsOf(world.records)
      : [
          ...pairsOf(kinds.flatMap(([first]) => first ?? [])),
          ...kinds.flatMap(([first, second]) => (first && second ? [[first, second] as const] : [])),
        ]
    let detected = 0
    for (const [index, [a, b]] of pairs.entries()) {
      const swapped = swaps[index % swaps.length]?.(a, b) ?? []
      const verdict = judge(before, await actOn(world, withChanges(world.records, swapped)), swapped.map(nameOf))
      expect(verdict.wrong, `${nameOf(a)} and ${nameOf(b)}`).toEqual([])
      detected += verdict.detected
    }
    expect(detected).toBeGreaterThan(pairs.length)
  })

  it("any two, in any of these ways: a process that has the keys and pointers in memory notices", async () => {
    const database = await openDatabase(world.records)
    await using strongroom = await openEngine(database.storage)
    const reads = readsOf(strongroom, world)
    const before = await outcomesOf(reads)
    expect(judge(before, await outcomesOf(reads), [])).toEqual({ detected: 0, wrong: [] })
    const record = fc.constantFrom(...world.records)
    let detected = 0
    await check(
      fc.asyncProperty(record, record, fc.constantFrom(...swaps), async (a, b, swap) => {
        fc.pre(a !== b)
        await database.put(...swap(a, b))
        const verdict = judge(before, await outcomesOf(reads), [nameOf(a), nameOf(b)])
        await database.put(a, b)
        expect(verdict.wrong).toEqual([])
        detected += verdict.detected
      }),
      150,
    )
    expect(detected).toBeGreaterThan(0)
    expect(judge(before, await outcomesOf(reads), [])).toEqual({ detected: 0, wrong: [] })
  })
})
