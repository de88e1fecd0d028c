import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Address, StoredRecord } from "../../src/ports/storage.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import type { Backend } from "../support/backend.ts"
import { openEngine } from "../support/engine.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { check, timeout } from "../support/runs.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../support/world.ts"

const project = projectSlug

/** Something that one of two processes does. */
interface Step {
  readonly process: 0 | 1
  readonly action: "rotate" | "create" | "list"
  readonly environment: 0 | 1
}

const step: fc.Arbitrary<Step> = fc.record({
  process: fc.constantFrom<(0 | 1)[]>(0, 1),
  action: fc.constantFrom<Step["action"][]>("rotate", "create", "create", "list"),
  environment: fc.constantFrom<(0 | 1)[]>(0, 1),
})

/** Steps that run side by side, one such group after the other. */
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 })

/** Puts a record back as it was, as somebody who can write to the database would. */
const putBack = async ({ client, workspace }: World, address: Address, record: StoredRecord): Promise<void> => {
  await client().commit(workspace, { checks: [], writes: [{ ...address, record }] })
}

const recordAt = async ({ client, workspace }: World, address: Address): Promise<StoredRecord> => {
  const [record] = await client().read(workspace, [address])
  if (record === undefined) throw new Error(`no record at ${address.collection}/${address.leaf}`)
  return record
}

/** Two processes on one store, each with its own caches. */
export const processes = (backend: Backend): void => {
  describe(`two processes, on ${backend.name}`, () => {
    it("never make a value that cannot be read, however they rotate and create", { timeout }, () =>
      check(
        fc.asyncProperty(history, (groups) =>
          inWorld(backend, 2, async ({ owner, environments, client, clock }) => {
            const pair = [await openEngine(client(), clock), await openEngine(client(), clock)] as const
            const expected: Record<string, string> = {}
            let count = 0
            for (const group of groups) {
              await Promise.all(
                group.map(async ({ process, action, environment: index }) => {
                  const engine = pair[process]
                  const environment = environments[index] ?? ""
                  if (action === "rotate") return engine.keys.rotate(owner, { project, environment })
                  if (action === "list") return engine.secrets.list(owner, { project, environment })
                  const name = `SECRET_${count++}`
                  expected[`${environment}/${name}`] = name
                  return engine.secrets.create(owner, {
                    project,
                    environments: [environment],
                    secrets: [text(name, name)],
                  })
                }),
              )
            }
            for (const engine of [...pair, await openEngine(client(), clock)]) {
              expect(await valuesOf(engine, owner)).toEqual(expected)
            }
          }),
        ),
        40 * backend.share,
      ),
    )

    it("see at once what the other removed", { timeout }, () =>
      inWorld(backend, 2, async ({ owner, environments, client, clock }) => {
        const first = await openEngine(client(), clock)
        const second = await openEngine(client(), clock)
        const [environment = ""] = environments
        const create = (engine: Strongroom, name: string) =>
          outcomeOf(engine.secrets.create(owner, { project, environments, secrets: [text(name, name)] }))
        expect(codeOf(await create(second, "BEFORE"))).toBe("ok")
        await first.environments.remove(owner, { project, environment })
        expect(codeOf(await create(second, "AFTER"))).toBe("ENVIRONMENT_NOT_FOUND")
        expect(Object.keys(await valuesOf(second, owner))).toEqual([`${environments[1]}/BEFORE`])
      }),
    )

    const rollback = async (
      use: (world: World, compartment: string, engine: Strongroom) => Promise<unknown>,
    ): Promise<void> =>
      inWorld(backend, 1, async (world) => {
        const { owner, environments, client, clock, engine } = world
        const [environment = ""] = environments
        const address = { collection: "keyset", leaf: environment }
        const create = (name: string) =>
          engine.secrets.create(owner, { project, environments, secrets: [text(name, name)] })
        await create("OLD")
        const old = await recordAt(world, address)
        await engine.keys.rotate(owner, { project, environment })
        await create("NEW")
        await putBack(world, address, old)
        const before = await world.census.revisions()

        const refused = await outcomeOf(use(world, environment, engine))
        expect(codeOf(refused)).toBe("KEYSET_ROLLED_BACK")
        expect(await world.census.revisions()).toEqual(before)
        // Another process has seen nothing newer: it takes the old keyset, and misses the key of the newer value.
        const another = await openEngine(client(), clock)
        expect(codeOf(await outcomeOf(another.secrets.get(owner, { project, name: "OLD" })))).toBe("ok")
        expect(codeOf(await outcomeOf(another.secrets.get(owner, { project, name: "NEW" })))).toBe("INTEGRITY")
      })

    it("refuse a keyset from before a rotation of their own, read since or not", { timeout }, () =>
      inWorld(backend, 1, async (world) => {
        const { engine, owner, environments } = world
        const [environment = ""] = environments
        const address = { collection: "keyset", leaf: environment }
        const old = await recordAt(world, address)
        await engine.keys.rotate(owner, { project, environment })
        await putBack(world, address, old)
        const creating = engine.secrets.create(owner, { project, environments, secrets: [text("NEW", "new")] })
        expect(codeOf(await outcomeOf(creating))).toBe("KEYSET_ROLLED_BACK")
      }),
    )

    it("refuse to read with a keyset that was put back", { timeout }, () =>
      rollback(({ owner }, environment, engine) => engine.secrets.list(owner, { project, environment })),
    )

    it("refuse to write with a keyset that was put back", { timeout }, () =>
      rollback(({ owner }, environment, engine) =>
        engine.secrets.create(owner, { project, environments: [environment], secrets: [text("MORE", "more")] }),
      ),
    )

    it("refuse to rotate a keyset that was put back, which would bless it", { timeout }, () =>
      rollback(({ owner }, environment, engine) => engine.keys.rotate(owner, { project, environment })),
    )
  })
}
