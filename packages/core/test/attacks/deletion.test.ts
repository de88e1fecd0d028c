import { beforeAll, describe, expect, it } from "vitest"
import { nameOf } from "../../src/records/sealed-record.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { actOn, healthyWorld, isDetection, type Outcome, type Outcomes } from "./support/verdict.ts"
import { byKind, openEngine, type World } from "./support/world.ts"

let world: World
let before: Outcomes

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
})

const without = (...gone: readonly Stored[]): readonly Stored[] =>
  world.records.filter((stored) => !gone.includes(stored))

const codeOf = (outcome: Outcome | undefined): string =>
  outcome !== undefined && "error" in outcome ? outcome.error.code : `no error: ${JSON.stringify(outcome)}`

describe("attack 9", () => {
  it("x", async () => {
    const table: Record<string, Set<string>> = {}
    for (const [kind, all] of byKind(world)) {
      for (const stored of all) {
        const after = await actOn(world, without(stored))
        for (const [name, outcome] of Object.entries(after)) {
          if (JSON.stringify(outcome) === JSON.stringify(before[name])) continue
          const s = (table[kind] ??= new Set())
          s.add(`${name.replace(/^(acme|other): /, "")} → ${"error" in outcome ? outcome.error.code : "ANSWER"}`)
        }
      }
    }
    for (const [k, s] of Object.entries(table)) console.log(k + "\n   " + [...s].join("\n   "))
  })
})
