import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import { newSecrets, secretName, unicode } from "../support/arbitraries.ts"
import type { Backend } from "../support/backend.ts"
import { openEngine } from "../support/engine.ts"
import { openRecords } from "../support/open-records.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { check, timeout } from "../support/runs.ts"
import { inWorld, projectSlug, text, type World } from "../support/world.ts"

const mostCodePoints = 65_536

/** Long values: one, two, three or four bytes a code point, and as many code points as are allowed, or one fewer. */
const longText = fc
  .tuple(fc.constantFrom("a", "\u00E9", "\u20AC", "\u{1F511}", "\0"), fc.nat({ max: 1 }))
  .map(([character, fewer]) => character.repeat(mostCodePoints - fewer))

const loneSurrogate = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit))

/** A text with one surrogate that has no partner. */
const illFormed = fc
  .tuple(fc.string({ unit: "binary", maxLength: 20 }), loneSurrogate, fc.string({ unit: "binary", maxLength: 20 }))
  .map((parts) => parts.join(""))
  .filter((joined) => !joined.isWellFormed())

const envKey = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,40}$/u)

/** What was created is what is read back, and what UTF-8 cannot hold is refused. */
export const roundTrip = (backend: Backend): void => {
  const property = <Ts extends [unknown, ...unknown[]]>(
    count: number,
    arbitraries: { [K in keyof Ts]: fc.Arbitrary<Ts[K]> },
    use: (world: World, ...args: Ts) => Promise<void>,
  ) =>
    check(
      fc.asyncProperty(fc.tuple<Ts>(...arbitraries), (args) => inWorld(backend, 1, (world) => use(world, ...args))),
      count * backend.share,
    )

  const expectRefused = async ({ census }: World, call: () => Promise<unknown>): Promise<void> => {
    const before = await census.revisions()
    expect(codeOf(await outcomeOf(call()))).toBe("INVALID_INPUT")
    expect(await census.revisions()).toEqual(before)
  }

  describe(`round trips, on ${backend.name}`, () => {
    it("reads back what was created, in this process and in the next", { timeout }, () =>
      property(60, [newSecrets(6)], async ({ engine, owner, environments, client, clock }, secrets) => {
        await engine.secrets.create(owner, { project: projectSlug, environments, secrets })
        const next = await openEngine(client(), clock)
        for (const process of [engine, next]) {
          const listed = await process.secrets.list(owner, { project: projectSlug })
          const plain = listed.map(({ name, note, type, dataType, values }) => ({
            name,
            note,
            type,
            dataType,
            values: values.map(({ environment, value, personal }) => [environment, reveal(value), personal]),
          }))
          const wanted = secrets
            .map(({ name, note = "", type, dataType, value }) => ({
              name,
              note,
              type,
              dataType,
              values: environments.map((environment) => [environment, value, false]),
            }))
            .sort((a, b) => (a.name < b.name ? -1 : 1))
          expect(plain).toEqual(wanted)
          for (const secret of listed) {
            expect(await process.secrets.get(owner, { project: projectSlug, name: secret.name })).toEqual(secret)
          }
        }
      }),
    )

    it("reads back the longest values", { timeout }, () =>
      property(6, [longText], async ({ engine, owner, environments }, value) => {
        await engine.secrets.create(owner, { project: projectSlug, environments, secrets: [text("LONG", value)] })
        const secret = await engine.secrets.get(owner, { project: projectSlug, name: "LONG" })
        expect(secret.values.map((found) => reveal(found.value) === value)).toEqual([true])
      }),
    )

    it("refuses one code point more, and changes nothing", { timeout }, () =>
      property(3, [longText], async (world, value) => {
        const { engine, owner, environments } = world
        const secrets = [text("LONG", `${value}\u{1F511}\u{1F511}`)]
        await expectRefused(world, () => engine.secrets.create(owner, { project: projectSlug, environments, secrets }))
      }),
    )

    it("refuses a lone surrogate in a value, a note or a name for people, and changes nothing", { timeout }, () =>
      property(20, [illFormed, secretName], async (world, bad, name) => {
        const { engine, owner, environments } = world
        const create = (secret: { value: string; note?: string }) =>
          engine.secrets.create(owner, {
            project: projectSlug,
            environments,
            secrets: [text("FINE", "fine"), { ...text(`${name.slice(0, 40)}_2`, ""), ...secret }],
          })
        const vault = await engine.vaults.create(owner, { name: "vault" })
        await expectRefused(world, () => create({ value: bad }))
        await expectRefused(world, () => create({ value: "", note: bad }))
        await expectRefused(world, () => engine.vaults.secrets.create(owner, vault.id, { envKey: "KEY", value: bad }))
        await expectRefused(world, () => engine.vaults.create(owner, { name: bad }))
        await expectRefused(world, () => engine.environments.create(owner, { project: projectSlug, name: bad }))
      }),
    )

    it("stores the values of vaults as they were given", { timeout }, () =>
      property(
        30,
        [fc.uniqueArray(envKey, { minLength: 1, maxLength: 5 }), fc.array(unicode, { minLength: 5, maxLength: 5 })],
        async ({ engine, owner, workspace, client, clock }, envKeys, values) => {
          const { id } = await engine.vaults.create(owner, { name: "vault" })
          const wanted = envKeys.map((key, index) => ({ envKey: key, value: values[index] || "not empty" }))
          for (const secret of wanted) {
            await engine.vaults.secrets.create(owner, id, secret)
            // The order of creation is told by ids, which have milliseconds.
            clock.advance(1)
          }
          const stored = await (await openRecords(client(), workspace)).vaultSecrets(id)
          const byKey = (a: { envKey: string }, b: { envKey: string }) => (a.envKey < b.envKey ? -1 : 1)
          expect(stored.toSorted(byKey)).toEqual(wanted.toSorted(byKey))
          const shown = await engine.vaults.secrets.list(owner, id)
          expect(shown.map((secret) => secret.envKey)).toEqual(envKeys)
        },
      ),
    )
  })
}
