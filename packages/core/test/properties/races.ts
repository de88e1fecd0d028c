import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import type { Backend } from "../support/backend.ts"
import { openEngine } from "../support/engine.ts"
import { type Gate, gateOf } from "../support/gate.ts"
import { openRecords } from "../support/open-records.ts"
import { codeOf, type Outcome, outcomeOf } from "../support/outcome.ts"
import { check, timeout } from "../support/runs.ts"
import { inWorld, projectSlug, text, valuesIn, valuesOf, type World } from "../support/world.ts"

/** Two processes on one store, every call of which waits for the scheduler while they race. */
interface Race {
  readonly world: World
  readonly gate: Gate
  readonly first: Strongroom
  readonly second: Strongroom
  /** One of the two. */
  readonly either: (index: number) => Strongroom
}

const project = projectSlug

/** Attack 17: whatever order the scheduler finds, what the racers are told agrees with what is there. */
export const races = (backend: Backend): void => {
  /** `use` tells how a race ended; all of `ends` must occur, or the races are none. */
  const property = async <T>(
    count: number,
    ends: readonly string[],
    arbitrary: fc.Arbitrary<T>,
    use: (race: Race, value: T) => Promise<readonly string[]>,
  ): Promise<void> => {
    const seen = new Map<string, number>()
    await check(
      fc.asyncProperty(fc.scheduler(), fc.boolean(), arbitrary, (scheduler, warm, value) =>
        inWorld(backend, 3, async (world) => {
          const gate = gateOf(scheduler)
          const first = await openEngine(gate.wrap(world.client()), gate.clock)
          const second = await openEngine(gate.wrap(world.client()), gate.clock)
          // A process that has its keys already makes fewer calls, and so meets others at other points.
          if (warm) await Promise.all([first, second].map((engine) => engine.secrets.list(world.owner, { project })))
          const either = (index: number) => (index % 2 === 0 ? first : second)
          for (const end of await use({ world, gate, first, second, either }, value)) {
            seen.set(end, (seen.get(end) ?? 0) + 1)
          }
          expect(gate.calls()).toBeGreaterThan(0)
        }),
      ),
      count * backend.share,
    )
    // With few runs an end may be missed by chance.
    if (backend.share === 1) expect([...seen.keys()]).toEqual(expect.arrayContaining([...ends]))
  }

  const names = ["AA", "BB", "CC"]
  const wish = fc.record({
    places: fc.subarray([0, 1, 2], { minLength: 1 }),
    names: fc.subarray(names, { minLength: 1 }),
  })

  describe(`races, on ${backend.name}`, () => {
    it("create and create: overlapping requests have one winner, and the union is never torn", { timeout }, () =>
      property(
        60,
        ["ok", "SECRET_EXISTS"],
        fc.array(wish, { minLength: 2, maxLength: 4 }),
        async ({ world, gate, either }, wishes) => {
          const { owner, environments, engine } = world
          const requests = wishes.map((wanted, index) => ({
            index,
            names: wanted.names,
            pairs: wanted.places.flatMap((place) => wanted.names.map((name) => `${environments[place]}/${name}`)),
            create: () =>
              either(index).secrets.create(owner, {
                project,
                environments: wanted.places.map((place) => environments[place] ?? ""),
                secrets: wanted.names.map((name) => text(name, `by ${index}`)),
              }),
          }))
          const outcomes = await gate.race(() => Promise.all(requests.map(({ create }) => outcomeOf(create()))))

          const written = new Map<string, string>()
          for (const { index, pairs } of requests.filter((_, index) => outcomes[index]?.ok)) {
            for (const pair of pairs) {
              expect(written.has(pair), "two winners").toBe(false)
              written.set(pair, `by ${index}`)
            }
          }
          expect(written.size).toBeGreaterThan(0)
          expect(await valuesOf(engine, owner)).toEqual(Object.fromEntries(written))
          requests.forEach(({ pairs, names: asked }, index) => {
            const outcome = outcomes[index]
            if (outcome === undefined || outcome.ok) return
            expect(outcome.code).toBe("SECRET_EXISTS")
            const taken = asked.filter((name) => pairs.some((pair) => pair.endsWith(`/${name}`) && written.has(pair)))
            const named = outcome.details["names"]
            expect(Array.isArray(named) && named.length > 0 && named.every((name) => taken.includes(name))).toBe(true)
          })
          return outcomes.map(codeOf)
        },
      ),
    )

    it("create and create: environments, projects, workspaces and given tokens are made once", { timeout }, () =>
      property(30, [], fc.constant(undefined), async ({ world, gate, first, second }) => {
        const { owner, engine } = world
        const token = `ek_live_${"b".repeat(43)}`
        const onBoth = <A>(call: (process: Strongroom) => Promise<A>): Promise<readonly Outcome<A>[]> =>
          Promise.all([first, second].map((process) => outcomeOf(call(process))))
        const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const
        const made = await gate.race(() =>
          Promise.all([
            onBoth((process) => process.environments.create(owner, { project, name: "new" })),
            onBoth((process) => process.projects.create(owner, { slug: "prj_new", name: "New" })),
            onBoth((process) => process.workspaces.create({ slug: "ws_new", name: "New" })),
            onBoth((process) => process.tokens.issue(owner, { name: "token", grants, token })),
          ]),
        )
        const losers = ["ENVIRONMENT_EXISTS", "SLUG_TAKEN", "SLUG_TAKEN", "TOKEN_EXISTS"]
        expect(made.map((outcomes) => outcomes.map(codeOf).sort())).toEqual(losers.map((code) => [code, "ok"].sort()))
        expect(await engine.environments.list(owner, { project })).toHaveLength(4)
        expect(await engine.projects.list(owner)).toHaveLength(2)
        const workspace = made[2].find((outcome) => outcome.ok)
        expect(await engine.workspaces.find("ws_new")).toEqual(workspace?.ok && workspace.value.workspace)
        const issued = made[3].find((outcome) => outcome.ok)
        expect((await engine.tokens.identify(token))?.token).toBe(issued?.ok && issued.value.id)
        return []
      }),
    )

    it("rotate and write: no value is lost, and each is sealed by a key that stays", { timeout }, () =>
      property(40, [], fc.nat({ max: 3 }), async ({ world, gate, first, second, either }, rotations) => {
        const { owner, environments, workspace, client, clock } = world
        const [environment = ""] = environments
        const vault = (await world.engine.vaults.create(owner, { name: "vault" })).id
        const outcomes = await gate.race(() =>
          Promise.all([
            ...Array.from({ length: rotations + 1 }, (_, index) => [
              either(index).keys.rotate(owner, { project, environment }),
              either(index).keys.rotate(owner, { vault }),
            ]).flat(),
            first.secrets.create(owner, { project, environments, secrets: [text("FIRST", "one")] }),
            second.secrets.create(owner, { project, environments: [environment], secrets: [text("SECOND", "two")] }),
            second.vaults.secrets.create(owner, vault, { envKey: "THIRD", value: "three" }),
          ]),
        )
        expect(outcomes).toHaveLength(2 * (rotations + 1) + 3)
        const expected = Object.fromEntries(environments.map((id) => [`${id}/FIRST`, "one"]))
        expected[`${environment}/SECOND`] = "two"
        for (const engine of [first, second, await openEngine(client(), clock)]) {
          expect(await valuesOf(engine, owner)).toEqual(expected)
        }
        const records = await openRecords(client(), workspace)
        expect(await records.vaultSecrets(vault)).toEqual([{ envKey: "THIRD", value: "three" }])
        expect(await records.keyCount(environment)).toBe(rotations + 2)
        expect(await records.keyCount(vault)).toBe(rotations + 2)
        return []
      }),
    )

    it("delete and write: nothing is left in a removed environment, nor half of it elsewhere", { timeout }, () =>
      property(
        60,
        ["ok", "ENVIRONMENT_NOT_FOUND"],
        fc.array(wish, { minLength: 1, maxLength: 3 }),
        async ({ world, gate, first, either }, wishes) => {
          const { owner, environments, engine, census, workspace } = world
          const [gone = ""] = environments
          const asked = wishes.map(({ places }, index) => ({
            ids: places.map((place) => environments[place] ?? ""),
            names: names.map((name) => `${name}_${index}`),
          }))
          const [removal, ...outcomes] = await gate.race(() =>
            Promise.all([
              outcomeOf<unknown>(first.environments.remove(owner, { project, environment: gone })),
              ...asked.map((request, index) =>
                outcomeOf<unknown>(
                  either(index).secrets.create(owner, {
                    project,
                    environments: request.ids,
                    secrets: request.names.map((name) => text(name, "value")),
                  }),
                ),
              ),
            ]),
          )
          expect(codeOf(removal)).toBe("ok")
          const expected: Record<string, string> = {}
          asked.forEach(({ ids, names: created }, index) => {
            const code = outcomes[index] && codeOf(outcomes[index])
            expect(ids.includes(gone) ? ["ok", "ENVIRONMENT_NOT_FOUND"] : ["ok"]).toContain(code)
            if (code !== "ok") return
            for (const id of ids.filter((other) => other !== gone)) {
              for (const name of created) expected[`${id}/${name}`] = "value"
            }
          })
          expect(await valuesOf(engine, owner)).toEqual(expected)
          const secrets = new Set(Object.keys(expected).map((pair) => pair.slice(pair.indexOf("/") + 1))).size
          const counts = await census.counts(workspace)
          const {
            [`value.${gone}`]: values = 0,
            [`secret.${world.project}`]: guards = 0,
            "secret-id": pointers = 0,
          } = counts
          expect({ values, guards, pointers }).toEqual({ values: 0, guards: secrets, pointers: secrets })
          return outcomes.map(codeOf)
        },
      ),
    )

    it("delete and read: an answer is complete or a 404", { timeout }, () =>
      property(60, ["with", "without"], fc.boolean(), async ({ world, gate, first, second }, withWrite) => {
        const { owner, environments, engine } = world
        const [gone = "", stays = ""] = environments
        const create = (process: Strongroom, wanted: readonly string[], value: string) =>
          process.secrets.create(owner, {
            project,
            environments: [gone, stays],
            secrets: wanted.map((name) => text(name, value)),
          })
        await create(engine, ["OLD_1", "OLD_2"], "old")
        const [, all, here, one, oneHere] = await gate.race(() =>
          Promise.all([
            first.environments.remove(owner, { project, environment: gone }),
            outcomeOf(second.secrets.list(owner, { project })),
            outcomeOf(second.secrets.list(owner, { project, environment: gone })),
            outcomeOf(first.secrets.get(owner, { project, name: "OLD_1" })),
            outcomeOf(second.secrets.get(owner, { project, environment: gone, name: "OLD_2" })),
            ...(withWrite ? [outcomeOf<unknown>(create(first, ["NEW_1", "NEW_2"], "new"))] : []),
          ]),
        )
        const value = (id: string, name: string) => [`${id}/${name}`, name.startsWith("OLD") ? "old" : "new"] as const
        const full = (ids: readonly string[], wanted: readonly string[]) =>
          Object.fromEntries(ids.flatMap((id) => wanted.map((name) => value(id, name))))
        const old = ["OLD_1", "OLD_2"]
        const both = [...old, "NEW_1", "NEW_2"]

        if (!all.ok) throw new Error(`list: ${all.code}`)
        const alls = [full([gone, stays], old), full([stays], old), full([gone, stays], both), full([stays], both)]
        expect(alls).toContainEqual(valuesIn(all.value))
        if (here.ok) expect([full([gone], old), full([gone], both)]).toContainEqual(valuesIn(here.value))
        else expect(here.code).toBe("ENVIRONMENT_NOT_FOUND")
        if (!one.ok) throw new Error(`get: ${one.code}`)
        expect([full([gone, stays], ["OLD_1"]), full([stays], ["OLD_1"])]).toContainEqual(valuesIn([one.value]))
        if (oneHere.ok) expect(valuesIn([oneHere.value])).toEqual(full([gone], ["OLD_2"]))
        else expect(oneHere.code).toBe("ENVIRONMENT_NOT_FOUND")
        return [here, oneHere].map(({ ok }) => (ok ? "with" : "without"))
      }),
    )

    it("remove and write: a vault is gone with nothing in it, or there with everything", { timeout }, () =>
      property(60, ["removed", "kept"], fc.integer({ min: 1, max: 2 }), async ({ world, gate, either }, removals) => {
        const { owner, engine, census, workspace } = world
        const vault = (await engine.vaults.create(owner, { name: "vault" })).id
        const keys = ["ONE", "TWO"]
        const [removed, created] = await gate.race(() =>
          Promise.all([
            Promise.all(
              Array.from({ length: removals }, (_, index) => outcomeOf(either(index).vaults.remove(owner, vault))),
            ),
            Promise.all(
              keys.map((envKey, index) =>
                outcomeOf(either(index + 1).vaults.secrets.create(owner, vault, { envKey, value: "value" })),
              ),
            ),
          ]),
        )
        const held = (await census.counts(workspace))[`vsecret.${vault}`] ?? 0
        const isGone = removed.some(({ ok }) => ok)
        expect((await engine.vaults.list(owner)).map(({ id, secretCount }) => [id, secretCount])).toEqual(
          isGone ? [] : [[vault, held]],
        )
        expect(created.filter(({ ok }) => ok)).toHaveLength(held)
        if (isGone) {
          expect(held).toBe(0)
          expect(created.map(codeOf)).toEqual(["VAULT_NOT_FOUND", "VAULT_NOT_FOUND"])
          for (const outcome of removed) expect(["ok", "VAULT_NOT_FOUND", "STORAGE_BUSY"]).toContain(codeOf(outcome))
        } else {
          for (const outcome of removed) expect(["VAULT_NOT_EMPTY", "STORAGE_BUSY"]).toContain(codeOf(outcome))
        }
        return [isGone ? "removed" : "kept"]
      }),
    )

    it("change and change and remove, of one vault secret: each whole, in some order", { timeout }, () =>
      property(60, ["removed", "kept"], fc.boolean(), async ({ world, gate, either }, removes) => {
        const { owner, engine, census, workspace } = world
        const { secrets } = engine.vaults
        const vault = (await engine.vaults.create(owner, { name: "vault" })).id
        const { id } = await secrets.create(owner, vault, { envKey: "KEY", value: "0", allowedDomains: ["a.example"] })
        const [updates, removal, rotation] = await gate.race(() =>
          Promise.all([
            Promise.all([
              outcomeOf(either(0).vaults.secrets.update(owner, vault, id, { value: "1" })),
              outcomeOf(either(1).vaults.secrets.update(owner, vault, id, { allowedDomains: ["b.example"] })),
            ]),
            removes ? outcomeOf(either(1).vaults.secrets.remove(owner, vault, id)) : undefined,
            outcomeOf(either(0).keys.rotate(owner, { vault })),
          ]),
        )
        expect(codeOf(rotation)).toBe("ok")
        if (removal === undefined) {
          // Neither change is lost to the other.
          expect(updates.map(codeOf)).toEqual(["ok", "ok"])
          const { value } = await secrets.release(owner, vault, "KEY", "b.example")
          expect(reveal(value)).toBe("1")
        } else {
          expect(codeOf(removal)).toBe("ok")
          for (const outcome of updates) expect(["ok", "SECRET_NOT_FOUND"]).toContain(codeOf(outcome))
          const counts = await census.counts(workspace)
          expect([counts[`vsecret.${vault}`], counts["vsecret-id"]]).toEqual([undefined, undefined])
          await engine.vaults.remove(owner, vault)
        }
        return [removes ? "removed" : "kept"]
      }),
    )

    it("revoke and use: what starts after a revocation is refused, what overlaps it is whole", { timeout }, () =>
      property(
        60,
        ["ok", "UNAUTHENTICATED", "PROJECT_NOT_FOUND"],
        fc.boolean(),
        async ({ world, gate, first, second }, byGrants) => {
          const { owner, environments, engine, workspace } = world
          const wide = [{ scope: { type: "workspace" }, permission: "admin" }] as const
          const maker = await engine.principals.create(owner, { name: "maker", grants: wide })
          const grants = [{ scope: { type: "workspace" }, permission: "read-write" }] as const
          const token = await engine.tokens.issue({ workspace, id: maker.id }, { name: "token", grants })
          const principal = await second.tokens.identify(reveal(token.token))
          if (principal === undefined) throw new Error("the token is not known")

          const create = (process: Strongroom, name: string) =>
            outcomeOf(process.secrets.create(principal, { project, environments, secrets: [text(name, name)] }))
          const revoke = () =>
            byGrants ? first.principals.setGrants(owner, maker.id, []) : first.tokens.revoke(owner, token.id)
          const [after, ...during] = await gate.race(() =>
            Promise.all([
              revoke().then(() => Promise.all([create(first, "LATE_1"), create(second, "LATE_2")])),
              create(first, "DURING_1"),
              create(second, "DURING_2"),
            ]),
          )
          const refused = byGrants ? "PROJECT_NOT_FOUND" : "UNAUTHENTICATED"
          expect(after.map(codeOf)).toEqual([refused, refused])
          const expected: Record<string, string> = {}
          during.forEach((outcome, index) => {
            expect(["ok", refused]).toContain(codeOf(outcome))
            const name = `DURING_${index + 1}`
            if (outcome.ok) for (const id of environments) expected[`${id}/${name}`] = name
          })
          expect(await valuesOf(engine, owner)).toEqual(expected)
          return during.map(codeOf)
        },
      ),
    )

    it("open and open: two processes that start on an empty store make one", { timeout }, () =>
      check(
        fc.asyncProperty(fc.scheduler(), (scheduler) =>
          inWorld(backend, 0, async () => {
            const store = backend.make()
            const gate = gateOf(scheduler)
            const [first, second] = await gate.race(() =>
              Promise.all([
                openEngine(gate.wrap(store.open()), gate.clock),
                openEngine(gate.wrap(store.open()), gate.clock),
              ]),
            )
            await first.workspaces.create({ slug: "ws_new", name: "New" })
            expect(await second.workspaces.find("ws_new")).toMatchObject({ slug: "ws_new" })
            expect(gate.calls()).toBeGreaterThan(0)
            await store.dispose()
          }),
        ),
        20 * backend.share,
      ),
    )
  })
}
