import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { Principal } from "../../src/domain/permission.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import type { Backend } from "../support/backend.ts"
import { dying } from "../support/dying.ts"
import { openEngine } from "../support/engine.ts"
import { intercept } from "../support/intercept.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { timeout } from "../support/runs.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../support/world.ts"

/** A kill that hit: the commit it fell on, and whether the store had applied that commit. */
interface Kill {
  readonly at: number
  readonly when: "before" | "after"
}

/**
 * Lets `operation` be killed at each of its commits in turn, before and after it is applied, and looks at the store
 * through `afterwards` with a new process. Gives the number of commits that the operation takes.
 */
const killAtEvery = async (
  backend: Backend,
  setUp: (world: World) => Promise<void>,
  operation: (engine: Strongroom, world: World) => Promise<unknown>,
  afterwards: (engine: Strongroom, world: World, kill: Kill) => Promise<void>,
): Promise<number> => {
  for (let at = 0; ; at++) {
    let survived = false
    for (const when of ["before", "after"] as const) {
      await inWorld(backend, 2, async (world) => {
        await setUp(world)
        const process = dying(world.client())
        const engine = await openEngine(process.storage, world.clock)
        process.dieAt(at, when)
        survived = await Promise.race([operation(engine, world).then(() => true), process.died.then(() => false)])
        if (!survived) await afterwards(await openEngine(world.client(), world.clock), world, { at, when })
      })
    }
    if (survived) return at
  }
}

/** Operations that take two commits or more: what a process that dies in between leaves behind. */
export const kills = (backend: Backend): void => {
  describe(`killed between commits, on ${backend.name}`, () => {
    const environmentId = ({ environments }: World, index: number) => environments[index] ?? ""

    it("a new workspace is not there until its slug is, and can then be made", { timeout }, async () => {
      const input = { slug: "ws_new", name: "New" }
      const commits = await killAtEvery(
        backend,
        async () => {},
        (engine) => engine.workspaces.create(input),
        async (engine, _, { at, when }) => {
          const found = await engine.workspaces.find(input.slug)
          const complete = at === 1 && when === "after"
          expect(found !== undefined).toBe(complete)
          expect(codeOf(await outcomeOf(engine.workspaces.create(input)))).toBe(complete ? "SLUG_TAKEN" : "ok")
          const workspace = await engine.workspaces.find(input.slug)
          if (workspace === undefined) throw new Error("the workspace is not there")
          const owner: Principal = { workspace: workspace.id, id: workspace.owner }
          await engine.projects.create(owner, { slug: "prj_new", name: "New" })
          expect((await engine.projects.list(owner)).map(({ slug }) => slug)).toEqual(["prj_new"])
        },
      )
      expect(commits).toBe(2)
    })

    it("a token is nobody's until its pointer is there, and can then be issued", { timeout }, async () => {
      const token = `ek_live_${"a".repeat(43)}`
      const issue = (engine: Strongroom, { owner }: World) =>
        engine.tokens.issue(owner, {
          name: "token",
          grants: [{ scope: { type: "workspace" }, permission: "read" }],
          token,
        })
      const commits = await killAtEvery(
        backend,
        async () => {},
        issue,
        async (engine, world, { at, when }) => {
          const complete = at === 1 && when === "after"
          expect((await engine.tokens.identify(token)) !== undefined).toBe(complete)
          expect(codeOf(await outcomeOf(issue(engine, world)))).toBe(complete ? "TOKEN_EXISTS" : "ok")
          const principal = await engine.tokens.identify(token)
          if (principal === undefined) throw new Error("the token is not there")
          await engine.tokens.verify(principal)
          // A record that no pointer leads to can be seen and revoked, and is of no use to anybody.
          const listed = await engine.tokens.list(world.owner)
          expect(listed).toHaveLength(at === 1 && when === "before" ? 2 : at === 0 && when === "after" ? 2 : 1)
          for (const { id } of listed) await engine.tokens.revoke(world.owner, id)
          expect(codeOf(await outcomeOf(engine.tokens.verify(principal)))).toBe("UNAUTHENTICATED")
        },
      )
      expect(commits).toBe(2)
    })

    it("a vault is removed or whole, and its removal can be tried again", { timeout }, async () => {
      const vaults = new WeakMap<World, string>()
      const vaultOf = (world: World) => vaults.get(world) ?? ""
      const commits = await killAtEvery(
        backend,
        async (world) => void vaults.set(world, (await world.engine.vaults.create(world.owner, { name: "vault" })).id),
        (engine, world) => engine.vaults.remove(world.owner, vaultOf(world)),
        async (engine, world, { at, when }) => {
          const removed = at === 1 && when === "after"
          const { owner } = world
          expect((await engine.vaults.list(owner)).map(({ id }) => id)).toEqual(removed ? [] : [vaultOf(world)])
          const again = await outcomeOf(engine.vaults.remove(owner, vaultOf(world)))
          expect(codeOf(again)).toBe(removed ? "VAULT_NOT_FOUND" : "ok")
          expect(await engine.vaults.list(owner)).toEqual([])
        },
      )
      expect(commits).toBe(2)
    })

    it("a vault with secrets stays, whatever happens to the process that tries to remove it", { timeout }, async () => {
      const vaults = new WeakMap<World, string>()
      const vaultOf = (world: World) => vaults.get(world) ?? ""
      const commits = await killAtEvery(
        backend,
        async (world) => {
          const { id } = await world.engine.vaults.create(world.owner, { name: "vault" })
          await world.engine.vaults.secrets.create(world.owner, id, { envKey: "KEPT", value: "kept" })
          vaults.set(world, id)
        },
        (engine, world) => outcomeOf(engine.vaults.remove(world.owner, vaultOf(world))),
        async (engine, world) => {
          const { owner, clock } = world
          const id = vaultOf(world)
          expect(codeOf(await outcomeOf(engine.vaults.remove(owner, id)))).toBe("VAULT_NOT_EMPTY")
          clock.advance(1)
          await engine.vaults.secrets.create(owner, id, { envKey: "NEW", value: "new" })
          expect((await engine.vaults.secrets.list(owner, id)).map(({ envKey }) => envKey)).toEqual(["KEPT", "NEW"])
        },
      )
      expect(commits).toBe(2)
    })

    it("a vault secret is changed or as it was, removed or whole", { timeout }, async () => {
      const places = new WeakMap<World, { readonly vault: string; readonly secret: string }>()
      const placeIn = (world: World) => places.get(world) ?? { vault: "", secret: "" }
      const prepare = async (world: World) => {
        const { engine, owner } = world
        const { id: vault } = await engine.vaults.create(owner, { name: "vault" })
        const { id: secret } = await engine.vaults.secrets.create(owner, vault, { envKey: "KEY", value: "old" })
        places.set(world, { vault, secret })
      }
      const changes = { value: "new", allowedDomains: ["a.example"] }
      const updates = await killAtEvery(
        backend,
        prepare,
        (engine, world) =>
          engine.vaults.secrets.update(world.owner, placeIn(world).vault, placeIn(world).secret, changes),
        async (engine, world, { when }) => {
          const { owner } = world
          const { vault } = placeIn(world)
          const { value } = await engine.vaults.secrets.release(owner, vault, "KEY", "a.example")
          const [listed] = await engine.vaults.secrets.list(owner, vault)
          expect([reveal(value), listed?.allowedDomains]).toEqual(
            when === "after" ? ["new", ["a.example"]] : ["old", []],
          )
        },
      )
      const removals = await killAtEvery(
        backend,
        prepare,
        (engine, world) => engine.vaults.secrets.remove(world.owner, placeIn(world).vault, placeIn(world).secret),
        async (engine, world, { when }) => {
          const { owner, census, workspace } = world
          const { vault, secret } = placeIn(world)
          const left = when === "after" ? 0 : 1
          expect(await engine.vaults.secrets.list(owner, vault)).toHaveLength(left)
          const counts = await census.counts(workspace)
          expect([counts[`vsecret.${vault}`] ?? 0, counts["vsecret-id"] ?? 0]).toEqual([left, left])
          const again = engine.vaults.secrets.remove(owner, vault, secret)
          expect(codeOf(await outcomeOf(again))).toBe(when === "after" ? "SECRET_NOT_FOUND" : "ok")
          await engine.vaults.remove(owner, vault)
        },
      )
      expect([updates, removals]).toEqual([1, 1])
    })

    it("an environment is removed with all that it held, or whole", { timeout }, async () => {
      const commits = await killAtEvery(
        backend,
        async (world) => {
          const { engine, owner, environments } = world
          const create = (ids: readonly string[], name: string) =>
            engine.secrets.create(owner, { project: projectSlug, environments: ids, secrets: [text(name, name)] })
          await create(environments, "BOTH")
          await create([environmentId(world, 0)], "ONLY_HERE")
        },
        (engine, world) =>
          engine.environments.remove(world.owner, { project: projectSlug, environment: environmentId(world, 0) }),
        async (engine, world, { at, when }) => {
          const { owner, census, workspace } = world
          const removed = at > 0 || when === "after"
          const [gone, stays] = [environmentId(world, 0), environmentId(world, 1)]
          const left = { [`${stays}/BOTH`]: "BOTH" }
          const all = { ...left, [`${gone}/BOTH`]: "BOTH", [`${gone}/ONLY_HERE`]: "ONLY_HERE" }
          expect(await valuesOf(engine, owner)).toEqual(removed ? left : all)
          const one = await outcomeOf(engine.secrets.get(owner, { project: projectSlug, name: "ONLY_HERE" }))
          expect(codeOf(one)).toBe(removed ? "SECRET_NOT_FOUND" : "ok")
          const again = engine.environments.remove(owner, { project: projectSlug, environment: gone })
          expect(codeOf(await outcomeOf(again))).toBe(removed ? "ENVIRONMENT_NOT_FOUND" : "ok")
          // The name is free, even of its old type.
          await engine.secrets.create(owner, {
            project: projectSlug,
            environments: [stays],
            secrets: [{ ...text("ONLY_HERE", "new"), type: "build" }],
          })
          expect(await valuesOf(engine, owner)).toEqual({ ...left, [`${stays}/ONLY_HERE`]: "new" })
          if (!removed || (at === 1 && when === "after")) {
            expect(await census.counts(workspace)).not.toHaveProperty(`value.${gone}`)
          }
        },
      )
      expect(commits).toBe(2)
    })

    it("a store that was being made can be opened", { timeout }, async () => {
      for (const when of ["before", "after"] as const) {
        const store = backend.make()
        const process = dying(store.open())
        process.dieAt(0, when)
        await inWorld(backend, 0, async ({ clock }) => {
          void openEngine(process.storage, clock)
          await process.died
          const engine = await openEngine(store.open(), clock)
          await engine.workspaces.create({ slug: "ws_new", name: "New" })
          expect(await engine.workspaces.find("ws_new")).toBeDefined()
        })
        await store.dispose()
      }
    })

    it("a vault that was left closed is opened by a writer after a minute, and not before", { timeout }, () =>
      inWorld(backend, 0, async ({ engine, owner, client, clock }) => {
        const { id } = await engine.vaults.create(owner, { name: "vault" })
        const process = dying(client())
        const doomed = await openEngine(process.storage, clock)
        process.dieAt(0, "after")
        void doomed.vaults.remove(owner, id)
        await process.died
        const closedAt = clock.currentTimeMillisUnsafe()

        const create = () => outcomeOf(engine.vaults.secrets.create(owner, id, { envKey: "KEY", value: "value" }))
        const actions = async () => (await engine.audit.list(owner)).entries.map(({ action }) => action)
        expect(codeOf(await create())).toBe("STORAGE_BUSY")
        clock.advance(closedAt + 60_000 - clock.currentTimeMillisUnsafe())
        expect(codeOf(await create())).toBe("STORAGE_BUSY")
        expect(await actions()).not.toContain("vault.reopen")
        expect(await engine.vaults.secrets.list(owner, id)).toEqual([])

        clock.advance(closedAt + 60_001 - clock.currentTimeMillisUnsafe())
        expect(codeOf(await create())).toBe("ok")
        expect((await actions()).slice(-2)).toEqual(["vault.reopen", "vault-secret.create"])
      }),
    )

    it("a removal that was held up for longer gives up when the vault was opened meanwhile", { timeout }, () =>
      inWorld(backend, 0, async ({ engine, owner, client, clock }) => {
        const { id } = await engine.vaults.create(owner, { name: "vault" })
        const counted = Promise.withResolvers<void>()
        const held = Promise.withResolvers<void>()
        let hasCounted = false
        const slow = intercept(client(), {
          before(call) {
            if (call.kind === "list") {
              hasCounted = call.collection === `vsecret.${id}`
              return
            }
            if (!hasCounted) return
            counted.resolve()
            return held.promise
          },
        })
        const remover = await openEngine(slow, clock)
        const removing = outcomeOf(remover.vaults.remove(owner, id))
        await counted.promise
        clock.advance(60_001)
        await engine.vaults.secrets.create(owner, id, { envKey: "KEY", value: "value" })
        held.resolve()
        expect(codeOf(await removing)).toBe("STORAGE_BUSY")
        expect((await engine.vaults.secrets.list(owner, id)).map(({ envKey }) => envKey)).toEqual(["KEY"])
      }),
    )
  })
}
