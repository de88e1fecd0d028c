import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { NewSecret } from "../../../core/src/domain/model.ts"
import type { Principal } from "../../../core/src/domain/permission.ts"
import type { Backend } from "../../../core/test/support/backend.ts"
import { openEngine } from "../../../core/test/support/engine.ts"
import { codeOf, type Outcome, outcomeOf } from "../../../core/test/support/outcome.ts"
import { check, timeout } from "../../../core/test/support/runs.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../../../core/test/support/world.ts"
import { faultKinds, injectFaults } from "../../src/faults.ts"
import { faultyPlan, planOf } from "./support/fault-arbitraries.ts"

/** A create that somebody asks for: which of three environments, and which of four names. */
interface Wish {
  readonly environments: readonly number[]
  readonly names: readonly string[]
}

const wish: fc.Arbitrary<Wish> = fc.record({
  environments: fc.subarray([0, 1, 2], { minLength: 1 }),
  names: fc.subarray(["AA", "BB", "CC", "DD"], { minLength: 1, maxLength: 2 }),
})

/** What several clients ask for, each one thing after the other. */
const clients = fc.array(fc.array(wish, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 5 })

interface Told {
  readonly who: string
  readonly pairs: readonly string[]
  readonly value: string
  readonly outcome: Outcome<unknown>
}

const auditEntriesOf = async ({ engine, owner }: World): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  let after: string | undefined
  do {
    const page = await engine.audit.list(owner, after === undefined ? {} : { after })
    for (const { action, principal } of page.entries) {
      if (action === "secret.create") counts.set(principal, (counts.get(principal) ?? 0) + 1)
    }
    after = page.next
  } while (after !== undefined)
  return counts
}

/** Whatever the network does to commits, what the engine has reported is true, and stays so. */
export const unknownOutcomes = (backend: Backend): void => {
  describe(`unknown outcomes, on ${backend.name}`, () => {
    it("reports only what holds, for any history of creates and any faults", { timeout }, async () => {
      const happened = new Map<string, number>()
      const ends = new Map<string, number>()
      let appliedLate = 0

      const history = async (
        world: World,
        faults: Parameters<typeof planOf>[0],
        wishes: readonly (readonly Wish[])[],
      ) => {
        const { owner, environments, clock, client, workspace } = world
        const injector = injectFaults(client())
        const engine = await openEngine(injector.storage, clock)
        injector.arm(planOf(faults))

        const ask = async (who: string, { environments: places, names }: Wish): Promise<Told> => {
          const value = `value of ${who}`
          const ids = places.map((place) => environments[place] ?? "")
          const secrets: readonly NewSecret[] = names.map((name) => text(name, value))
          // A principal of its own, so that the audit log tells this request from all others.
          const principal: Principal = {
            workspace,
            id: who,
            grants: [{ scope: { type: "workspace" }, permission: "read-write" }],
          }
          const call = engine.secrets.create(principal, { project: projectSlug, environments: ids, secrets })
          const outcome = await outcomeOf(call)
          const pairs = ids.flatMap((id) => names.map((name) => `${id}/${name}`))
          if (outcome.ok) {
            // At once, as well as in the end.
            const values = await valuesOf(world.engine, owner)
            for (const pair of pairs) expect(values[pair]).toBe(value)
          }
          return { who, pairs, value, outcome }
        }

        const told = await Promise.all(
          wishes.map(async (list, number) => {
            const reports: Told[] = []
            for (const [index, one] of list.entries()) reports.push(await ask(`client ${number} wish ${index}`, one))
            return reports
          }),
        )
        await injector.deliverAll()

        const values = await valuesOf(world.engine, owner)
        const entries = await auditEntriesOf(world)
        for (const { who, pairs, value, outcome } of told.flat()) {
          const held = pairs.filter((pair) => values[pair] === value).length
          const audited = entries.get(who) ?? 0
          const seen = { who, code: codeOf(outcome), held, audited }
          if (outcome.ok) expect(seen).toEqual({ ...seen, held: pairs.length, audited: 1 })
          else if (outcome.code !== "OUTCOME_UNKNOWN") expect(seen).toEqual({ ...seen, held: 0, audited: 0 })
          else
            expect([
              [0, 0],
              [pairs.length, 1],
            ]).toContainEqual([held, audited])
          ends.set(codeOf(outcome), (ends.get(codeOf(outcome)) ?? 0) + 1)
        }
        for (const kind of faultKinds) happened.set(kind, (happened.get(kind) ?? 0) + injector.happened[kind])
        appliedLate += injector.appliedLate()
      }

      await check(
        fc.asyncProperty(fc.oneof(faultyPlan(0.9), fc.noBias(faultyPlan(0.4, 40))), clients, (faults, wishes) =>
          inWorld(backend, 3, (world) => history(world, faults, wishes)),
        ),
        150 * backend.share,
      )

      for (const kind of faultKinds) expect(happened.get(kind), kind).toBeGreaterThan(0)
      // With few runs the rarest may be missed by chance.
      if (backend.share < 1) return
      for (const code of ["ok", "SECRET_EXISTS", "STORAGE_UNAVAILABLE", "OUTCOME_UNKNOWN"]) {
        expect(ends.get(code), code).toBeGreaterThan(0)
      }
      expect(appliedLate, "applied late").toBeGreaterThan(0)
    })
  })
}
