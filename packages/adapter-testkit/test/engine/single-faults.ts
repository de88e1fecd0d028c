import { describe, expect, it } from "vitest"
import { reveal } from "../../../core/src/domain/fields.ts"
import type { Strongroom } from "../../../core/src/strongroom.ts"
import type { Backend } from "../../../core/test/support/backend.ts"
import { fakeClock } from "../../../core/test/support/clock.ts"
import { openEngine } from "../../../core/test/support/engine.ts"
import { openRecords } from "../../../core/test/support/open-records.ts"
import { codeOf, outcomeOf } from "../../../core/test/support/outcome.ts"
import { timeout } from "../../../core/test/support/runs.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../../../core/test/support/world.ts"
import { type Fault, injectFaults } from "../../src/faults.ts"

const project = projectSlug
const token = `ek_live_${"e".repeat(43)}`
const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const

/** A world with one of everything. */
interface Furnished extends World {
  readonly vault: string
  readonly emptyVault: string
  readonly principal: string
  readonly token: string
}

const furnish = async (world: World): Promise<Furnished> => {
  const { engine, owner, environments, clock } = world
  await engine.secrets.create(owner, { project, environments, secrets: [text("HERE", "value")] })
  const vault = (await engine.vaults.create(owner, { name: "vault" })).id
  await engine.vaults.secrets.create(owner, vault, { envKey: "HERE", value: "value" })
  const emptyVault = (await engine.vaults.create(owner, { name: "empty vault" })).id
  const principal = (await engine.principals.create(owner, { name: "principal", grants: [] })).id
  const issued = await engine.tokens.issue(owner, { name: "token", grants })
  clock.advance(1)
  return { ...world, vault, emptyVault, principal, token: reveal(issued.token) }
}

/** Everything that the owner can see, in words that do not change from world to world. */
const view = async (world: Furnished): Promise<unknown> => {
  const { engine, owner, environments, client, workspace } = world
  const names = new Map(environments.map((id, index) => [id, `environment ${index}`]))
  const valid = async (text: string) => {
    const bearer = await engine.tokens.identify(text)
    return bearer === undefined ? "unknown" : codeOf(await outcomeOf(engine.tokens.verify(bearer)))
  }
  const listed = await engine.environments.list(owner, { project })
  const vaults = await engine.vaults.list(owner)
  const records = await openRecords(client(), workspace)
  return {
    workspace: (await engine.workspaces.find("ws_new"))?.name,
    projects: (await engine.projects.list(owner)).map(({ slug }) => slug),
    environments: listed.map(({ name }) => name),
    values: Object.entries(await valuesOf(engine, owner)).map(([pair, value]) => {
      const [id = "", name] = pair.split("/")
      return [names.get(id), name, value]
    }),
    keys: (
      await Promise.all([...listed, ...vaults].map(async ({ id, name }) => [name, await records.keyCount(id)]))
    ).sort(),
    vaults: vaults.map(({ name, secretCount }) => [name, secretCount]).sort(),
    vaultSecrets: (await Promise.all(vaults.map(({ id }) => records.vaultSecrets(id))))
      .flat()
      .map(({ envKey, value }) => `${envKey} ${value}`)
      .sort(),
    grants: (await engine.principals.get(owner, world.principal)).grants,
    tokens: [await valid(world.token), await valid(token)],
  }
}

const tokenId = async ({ engine, owner }: Furnished) => (await engine.tokens.list(owner))[0]?.id ?? ""

/** Every method that writes. */
const operations: Readonly<Record<string, (engine: Strongroom, world: Furnished) => Promise<unknown>>> = {
  "workspaces.create": (engine) => engine.workspaces.create({ slug: "ws_new", name: "New" }),
  "principals.setGrants": (engine, { owner, principal }) => engine.principals.setGrants(owner, principal, grants),
  "tokens.issue": (engine, { owner }) => engine.tokens.issue(owner, { name: "new", grants, token }),
  "tokens.revoke": async (engine, world) => engine.tokens.revoke(world.owner, await tokenId(world)),
  "projects.create": (engine, { owner }) => engine.projects.create(owner, { slug: "prj_new", name: "New" }),
  "environments.create": (engine, { owner }) => engine.environments.create(owner, { project, name: "new" }),
  "environments.remove": (engine, { owner, environments }) =>
    engine.environments.remove(owner, { project, environment: environments[0] ?? "" }),
  "secrets.create": (engine, { owner, environments }) =>
    engine.secrets.create(owner, { project, environments, secrets: [text("NEW", "new")] }),
  "vaults.create": (engine, { owner }) => engine.vaults.create(owner, { name: "new" }),
  "vaults.remove": (engine, { owner, emptyVault }) => engine.vaults.remove(owner, emptyVault),
  "vaults.secrets.create": (engine, { owner, vault }) =>
    engine.vaults.secrets.create(owner, vault, { envKey: "NEW", value: "new" }),
  "keys.rotate": (engine, { owner, environments }) =>
    engine.keys.rotate(owner, { project, environment: environments[0] ?? "" }),
}

const faults: readonly Fault[] = [
  { kind: "refuse", code: "UNAVAILABLE" },
  { kind: "lose-request" },
  { kind: "lose-reply" },
  { kind: "twice" },
  { kind: "late", after: 2 },
]

/** Every write of the engine, with a fault at each of its storage calls in turn. */
export const singleFaults = (backend: Backend): void => {
  const inFurnished = (use: (world: Furnished) => Promise<void>) =>
    inWorld(backend, 2, async (world) => use(await furnish(world)))

  describe(`a fault at any call, on ${backend.name}`, () => {
    it.each(Object.entries(operations))("%s does all of it, or none, and says which", { timeout }, async (_, run) => {
      let before: unknown
      let done: unknown
      await inFurnished(async (world) => {
        before = await view(world)
        await run(world.engine, world)
        done = await view(world)
        expect(done).not.toEqual(before)
      })

      /** With a fault at the `at`-th call, or from there on. `false` when no call had it. */
      const withFault = async (fault: Fault, at: number, lasting: boolean): Promise<boolean> => {
        let happened = 0
        await inFurnished(async (world) => {
          const injector = injectFaults(world.client())
          const engine = await openEngine(injector.storage, world.clock)
          injector.arm(({ index }) => (index === at || (lasting && index > at) ? fault : undefined))
          const outcome = await outcomeOf(run(engine, world))
          await injector.deliverAll()
          happened = injector.happened[fault.kind]
          const after = await view(world)
          if (outcome.ok) expect(after).toEqual(done)
          else if (outcome.code === "OUTCOME_UNKNOWN") expect([before, done]).toContainEqual(after)
          else expect(after).toEqual(before)
        })
        return happened > 0
      }

      let at = 0
      let hit = true
      while (hit) {
        const hits = [await withFault({ kind: "refuse", code: "UNAVAILABLE" }, at, true)]
        for (const fault of faults) hits.push(await withFault(fault, at, false))
        hit = hits.includes(true)
        at++
      }
      expect(at).toBeGreaterThan(2)
    })

    it("opening makes a store or finds it, and one that failed can be opened again", { timeout }, async () => {
      /** `false` when no call had the fault. */
      const openWithFault = async (fault: Fault, at: number, lasting: boolean): Promise<boolean> => {
        const store = backend.make()
        const clock = fakeClock()
        const injector = injectFaults(store.open())
        injector.arm(({ index }) => (index === at || (lasting && index > at) ? fault : undefined))
        const first = await outcomeOf(openEngine(injector.storage, clock))
        const next = await openEngine(store.open(), clock)
        await injector.deliverAll()
        await next.workspaces.create({ slug: "ws_new", name: "New" })
        for (const engine of [await openEngine(store.open(), clock), ...(first.ok && !lasting ? [first.value] : [])]) {
          expect(await engine.workspaces.find("ws_new")).toMatchObject({ name: "New" })
        }
        await store.dispose()
        return injector.happened[fault.kind] > 0
      }

      for (const lasting of [false, true]) {
        for (const fault of faults) {
          // A one-off fault is tried until the store is open; a lasting one always happens in the end.
          for (let at = 0; at < 4; at++) expect(await openWithFault(fault, at, lasting)).toBe(true)
        }
      }
    })
  })
}
