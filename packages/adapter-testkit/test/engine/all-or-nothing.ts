import { setImmediate } from "node:timers/promises"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { CreateSecrets, NewSecret } from "../../../core/src/domain/model.ts"
import type { Grant, Permission, Principal } from "../../../core/src/domain/permission.ts"
import { inSomeCase, newSecrets } from "../../../core/test/support/arbitraries.ts"
import type { Backend } from "../../../core/test/support/backend.ts"
import { openEngine } from "../../../core/test/support/engine.ts"
import { codeOf, outcomeOf } from "../../../core/test/support/outcome.ts"
import { check, timeout } from "../../../core/test/support/runs.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../../../core/test/support/world.ts"
import { type Fault, injectFaults } from "../../src/faults.ts"

/** Every fault that a storage call can suffer, each timing of late copies once. */
const faults: readonly Fault[] = [
  { kind: "refuse", code: "UNAVAILABLE" },
  { kind: "refuse", code: "BUSY" },
  { kind: "refuse", code: "LIMIT" },
  { kind: "refuse", code: "CLOSED" },
  { kind: "refuse", code: "FATAL" },
  { kind: "lose-request" },
  { kind: "lose-reply" },
  { kind: "foreign" },
  { kind: "twice" },
  { kind: "late", after: 0 },
  { kind: "late", after: 1 },
  { kind: "late", after: 1_000 },
  { kind: "again-late", after: 0 },
  { kind: "again-late", after: 1_000 },
  { kind: "slow-request", until: () => setImmediate() },
  { kind: "slow-reply", until: () => setImmediate() },
]

/** The records that a create of new secrets adds, by collection. */
const addedBy = (
  { project }: World,
  environments: readonly string[],
  secrets: readonly NewSecret[],
): Readonly<Record<string, number>> => ({
  ...Object.fromEntries(environments.map((id) => [`value.${id}`, secrets.length])),
  [`secret.${project}`]: secrets.length,
  "secret-id": secrets.length,
  audit: 1,
})

const sum = (left: Readonly<Record<string, number>>, right: Readonly<Record<string, number>>) => {
  const total = { ...left }
  for (const [key, value] of Object.entries(right)) total[key] = (total[key] ?? 0) + value
  return total
}

const expectedValues = (environments: readonly string[], secrets: readonly NewSecret[]): Record<string, unknown> =>
  Object.fromEntries(environments.flatMap((id) => secrets.map(({ name, value }) => [`${id}/${name}`, value])))

/** Refused with this code, and not a record differs. */
const expectRefused = async (
  { census, engine }: World,
  principal: Principal,
  request: CreateSecrets,
  code: string,
): Promise<void> => {
  const before = await census.revisions()
  expect(codeOf(await outcomeOf(engine.secrets.create(principal, request)))).toBe(code)
  expect(await census.revisions()).toEqual(before)
}

const at = <A>(items: readonly A[], index: number): A => {
  const item = items[index % items.length]
  if (item === undefined) throw new Error("no items")
  return item
}

/** E × S secrets: a request writes all of its values, or leaves the store as it was. */
export const allOrNothing = (backend: Backend): void => {
  const property = <Ts extends [unknown, ...unknown[]]>(
    count: number,
    arbitraries: { [K in keyof Ts]: fc.Arbitrary<Ts[K]> },
    use: (world: World, ...args: Ts) => Promise<void>,
  ) =>
    check(
      fc.asyncProperty(fc.tuple<Ts>(...arbitraries), (args) => inWorld(backend, 4, (world) => use(world, ...args))),
      count * backend.share,
    )

  describe(`all or nothing, on ${backend.name}`, () => {
    it("writes every value of a request that succeeds, and one audit entry", { timeout }, () =>
      property(40, [fc.integer({ min: 1, max: 4 }), newSecrets(5)], async (world, environmentCount, secrets) => {
        const { engine, owner, census, workspace } = world
        const environments = world.environments.slice(0, environmentCount)
        const before = await census.counts(workspace)
        const created = await engine.secrets.create(owner, { project: projectSlug, environments, secrets })
        expect(created.map(({ name }) => name)).toEqual(secrets.map(({ name }) => name))
        expect(await census.counts(workspace)).toEqual(sum(before, addedBy(world, environments, secrets)))
        expect(await valuesOf(engine, owner)).toEqual(expectedValues(environments, secrets))
      }),
    )

    const permission = fc.constantFrom<(Permission | undefined)[]>(undefined, "read", "read-write", "admin")
    const insufficient = fc
      .array(permission, { minLength: 1, maxLength: 4 })
      .filter((list) => list.some((held) => held === undefined || held === "read"))

    it("writes nothing unless the principal has read-write on every environment", { timeout }, () =>
      property(40, [insufficient, newSecrets(3)], async (world, held, secrets) => {
        const { workspace, project } = world
        const environments = world.environments.slice(0, held.length)
        const grants = environments.flatMap((environment, index): Grant[] => {
          const granted = held[index]
          return granted ? [{ scope: { type: "environment", project, environment }, permission: granted }] : []
        })
        const invisible = grants.length === 0 ? "PROJECT_NOT_FOUND" : "ENVIRONMENT_NOT_FOUND"
        const code = held.includes(undefined) ? invisible : "FORBIDDEN"
        const request = { project: projectSlug, environments, secrets }
        await expectRefused(world, { workspace, id: "somebody", grants }, request, code)
      }),
    )

    it("writes nothing when an environment is unknown or another project's", { timeout }, () =>
      property(20, [fc.boolean(), fc.nat({ max: 4 }), newSecrets(3)], async (world, foreign, position, secrets) => {
        const { engine, owner } = world
        await engine.projects.create(owner, { slug: "prj_other", name: "Other" })
        const other = await engine.environments.create(owner, { project: "prj_other", name: "environment 0" })
        const stranger = foreign ? other.id : "7d3d31a4-8b5f-4a7c-9d0e-1f2a3b4c5d6e"
        const environments = world.environments.toSpliced(position, 0, stranger)
        await expectRefused(world, owner, { project: projectSlug, environments, secrets }, "ENVIRONMENT_NOT_FOUND")
      }),
    )

    it("writes nothing when an environment is given twice, in whatever case", { timeout }, () =>
      property(20, [newSecrets(3), fc.nat(), fc.gen()], async (world, secrets, index, gen) => {
        const environments = [...world.environments, gen(inSomeCase, at(world.environments, index))]
        await expectRefused(world, world.owner, { project: projectSlug, environments, secrets }, "INVALID_INPUT")
      }),
    )

    it("writes nothing when a name is given twice", { timeout }, () =>
      property(20, [newSecrets(3), fc.nat()], async (world, secrets, index) => {
        const { owner, environments } = world
        const twice = [...secrets, text(at(secrets, index).name, "another value")]
        await expectRefused(world, owner, { project: projectSlug, environments, secrets: twice }, "INVALID_INPUT")
      }),
    )

    it("writes nothing when one of the pairs has a value already", { timeout }, () =>
      property(20, [newSecrets(4), fc.nat(), fc.nat()], async (world, secrets, name, place) => {
        const { engine, owner, environments } = world
        const existing = { environments: [at(environments, place)], secrets: [at(secrets, name)] }
        await engine.secrets.create(owner, { project: projectSlug, ...existing })
        await expectRefused(world, owner, { project: projectSlug, environments, secrets }, "SECRET_EXISTS")
      }),
    )

    it("writes nothing when one of the names exists with another type", { timeout }, () =>
      property(20, [newSecrets(4), fc.nat()], async (world, secrets, index) => {
        const { engine, owner } = world
        const [first, ...environments] = world.environments
        const same = at(secrets, index)
        const other = { ...same, type: same.type === "build" ? "runtime" : "build" } as const
        await engine.secrets.create(owner, { project: projectSlug, environments: [first ?? ""], secrets: [other] })
        await expectRefused(world, owner, { project: projectSlug, environments, secrets }, "SECRET_DIFFERS")
      }),
    )

    it("gives a name that has values elsewhere some more", { timeout }, () =>
      property(20, [newSecrets(4), fc.integer({ min: 1, max: 3 })], async (world, secrets, count) => {
        const { engine, owner, environments } = world
        const create = (ids: readonly string[], wanted: readonly NewSecret[]) =>
          engine.secrets.create(owner, { project: projectSlug, environments: ids, secrets: wanted })
        const created = await create(environments.slice(0, count), secrets)
        const withoutNotes = secrets.map(({ note: _, ...secret }) => secret)
        expect(await create(environments.slice(count), withoutNotes)).toEqual(created)
        expect(await valuesOf(engine, owner)).toEqual(expectedValues(environments, secrets))
      }),
    )

    it("writes everything or nothing whatever goes wrong in storage, at any call", { timeout }, () =>
      inWorld(backend, 2, async (world) => {
        const { workspace, owner, environments, census, clock, client } = world
        const adapter = client()
        const ends = new Map<string, number>()

        /** One create by a fresh process, with the fault from its `from`-th call on. `false` when it took fewer calls. */
        const tryAt = async (tag: string, fault: Fault, from: number, lasting: boolean): Promise<boolean> => {
          const injector = injectFaults(adapter)
          const engine = await openEngine(injector.storage, clock)
          injector.arm(({ index }) => (index === from || (lasting && index > from) ? fault : undefined))
          const secrets = [text(`A_${tag}`, `a ${tag}`), text(`B_${tag}`, `b ${tag}`)]
          const before = await census.counts(workspace)
          const outcome = await outcomeOf(engine.secrets.create(owner, { project: projectSlug, environments, secrets }))
          await injector.deliverAll()
          const after = await census.counts(workspace)
          const values = await valuesOf(world.engine, owner)
          const wanted = expectedValues(environments, secrets)
          const found = Object.keys(wanted).filter((key) => values[key] === wanted[key]).length
          const all = Object.keys(wanted).length
          if (outcome.ok) {
            expect(found).toBe(all)
            expect(after).toEqual(sum(before, addedBy(world, environments, secrets)))
          } else if (outcome.code === "OUTCOME_UNKNOWN") {
            expect([0, all]).toContain(found)
          } else {
            expect(found).toBe(0)
            // A fence may have been left in the audit log.
            expect({ ...after, audit: 0 }).toEqual({ ...before, audit: 0 })
          }
          ends.set(codeOf(outcome), (ends.get(codeOf(outcome)) ?? 0) + 1)
          return injector.happened[fault.kind] > 0
        }

        for (const [number, fault] of faults.entries()) {
          for (const lasting of [false, true]) {
            let from = 0
            while (await tryAt(`${number}_${lasting}_${from}`, fault, from, lasting)) from++
            // A fresh process reads the workspace's keys, finds the project, reads the snapshot and commits.
            expect(from).toBe(4)
          }
        }
        for (const code of ["ok", "STORAGE_UNAVAILABLE", "STORAGE_FAILED", "OUTCOME_UNKNOWN"]) {
          expect(ends.get(code), code).toBeGreaterThan(0)
        }
      }),
    )
  })
}
