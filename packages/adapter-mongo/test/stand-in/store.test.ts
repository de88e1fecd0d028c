import fc from "fast-check"
import { expect, it } from "vitest"
import { ServerError } from "./errors.ts"
import { matches } from "./query.ts"
import { Store, type Unit } from "./store.ts"
import { type Doc, keyOf } from "./values.ts"

/**
 * Snapshot isolation in the plainest form: a copy of all documents for each commit, and for each key the commit that
 * last wrote it.
 */
class Model {
  readonly states: Map<string, Doc>[] = [new Map()]
  readonly written = new Map<string, number>()
  readonly open: { from: number; state: Map<string, Doc>; keys: Set<string> }[] = []

  outcome(at: number, id: string, kind: "insert" | "update" | "delete"): "duplicate" | "conflict" | "none" | "written" {
    const unit = this.open[at]
    if (unit === undefined) throw new Error("no such unit")
    if (kind === "insert" && unit.state.has(id)) return "duplicate"
    if (kind !== "insert" && !unit.state.has(id)) return "none"
    const busy = this.open.some((other) => other !== unit && other.keys.has(id))
    return busy || (this.written.get(id) ?? 0) > unit.from ? "conflict" : "written"
  }
}

const units = 3
const id = fc.constantFrom("a", "b", "c")
const n = fc.integer({ min: 0, max: 2 })
const step = fc.record({
  unit: fc.integer({ min: 0, max: units - 1 }),
  act: fc.oneof(
    fc.record({ kind: fc.constantFrom("insert" as const, "update" as const, "delete" as const), id, n }),
    fc.constant({ kind: "commit" as const }),
    fc.constant({ kind: "abort" as const }),
    fc.record({ kind: fc.constant("read" as const), n }),
  ),
})

it("units of work see and do what snapshot isolation says, also past the history that is kept", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), fc.boolean(), (steps, indexed) => {
      const store = new Store(2)
      const collection = store.create("db.items", 0)
      const first = store.begin()
      if (indexed) collection.addIndex(first, { name: "n", key: { n: 1 }, unique: false })
      store.commit(first)
      const model = new Model()
      const open: Unit[] = []
      const begin = (at: number): void => {
        open[at] = store.begin()
        const from = model.states.length - 1
        model.open[at] = { from, state: new Map(model.states[from]), keys: new Set() }
      }
      for (let at = 0; at < units; at++) begin(at)
      for (const { unit: at, act } of steps) {
        const [unit, shadow] = [open[at], model.open[at]]
        if (unit === undefined || shadow === undefined) throw new Error("no such unit")
        if (act.kind === "read") {
          const found = [...collection.candidates({ n: act.n })].map((chain) => collection.read(chain, unit))
          const docs = found.filter((doc) => doc !== undefined && matches(doc, { n: act.n }))
          const expected = [...shadow.state.values()].filter((doc) => doc["n"] === act.n)
          expect(docs.map(keyOf).sort()).toEqual(expected.map(keyOf).sort())
        } else if (act.kind === "commit" || act.kind === "abort") {
          store[act.kind](unit)
          if (act.kind === "commit" && shadow.keys.size > 0) {
            const next = new Map(model.states.at(-1))
            for (const key of shadow.keys) {
              const doc = shadow.state.get(key)
              if (doc === undefined) next.delete(key)
              else next.set(key, doc)
              model.written.set(key, model.states.length)
            }
            model.states.push(next)
          }
          begin(at)
        } else {
          const doc = { _id: act.id, n: act.n }
          const chain = collection.chains.get(keyOf(act.id))
          const attempt = (): string => {
            try {
              if (act.kind === "insert") collection.insert(unit, doc, 0)
              else if (chain === undefined || collection.read(chain, unit) === undefined) return "none"
              else collection.write(unit, chain, act.kind === "update" ? doc : undefined)
              return "written"
            } catch (error) {
              if (!(error instanceof ServerError)) throw error
              return error.code === 11000 ? "duplicate" : error.code === 112 ? "conflict" : error.message
            }
          }
          const expected = model.outcome(at, act.id, act.kind)
          expect(attempt()).toBe(expected)
          if (expected !== "written") continue
          shadow.keys.add(act.id)
          if (act.kind === "delete") shadow.state.delete(act.id)
          else shadow.state.set(act.id, doc)
        }
      }
    }),
    { numRuns: 100 },
  )
})

it("forgets what no snapshot can read", () => {
  const store = new Store()
  const collection = store.create("db.items", 0)
  const write = (run: (unit: Unit) => void): void => {
    const unit = store.begin()
    run(unit)
    store.commit(unit)
  }
  write((unit) => collection.insert(unit, { _id: "a", n: 0 }, 0))
  write((unit) => collection.insert(unit, { _id: "b", n: 0 }, 0))
  const [a, b] = ["a", "b"].map((each) => collection.chains.get(keyOf(each)))
  if (a === undefined || b === undefined) throw new Error("not inserted")
  write((unit) => collection.write(unit, b, undefined))
  for (let n = 1; n <= 300; n++) write((unit) => collection.write(unit, a, { _id: "a", n }))
  expect(a.versions.length).toBeLessThan(110)
  expect([...collection.chains.keys()]).toEqual([keyOf("a")])
})
