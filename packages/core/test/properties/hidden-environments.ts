import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { NewSecret, Secret } from "../../src/domain/model.ts"
import type { Permission } from "../../src/domain/permission.ts"
import type { Backend } from "../support/backend.ts"
import { outcomeOf } from "../support/outcome.ts"
import { check, timeout } from "../support/runs.ts"
import { inWorld, projectSlug, type World } from "../support/world.ts"

const project = projectSlug
const names = ["AA", "BB", "CC", "DD"]

/** The first of a world's three environments is visible to the principal in question; the others are not. */
type Hidden = 1 | 2
type Place = 0 | Hidden

type Step =
  /** The owner writes where the principal does not see it. */
  | { readonly kind: "hidden"; readonly place: Hidden; readonly names: readonly string[] }
  /** What else happens there. */
  | { readonly kind: "hidden-rotation" | "hidden-removal"; readonly place: Hidden }
  | { readonly kind: "hidden-vault-secret"; readonly name: string }
  /** The owner writes where the principal sees it. */
  | { readonly kind: "visible"; readonly names: readonly string[] }
  /** What the principal asks; every answer is noted. */
  | { readonly kind: "create"; readonly places: readonly Place[]; readonly names: readonly string[] }
  | { readonly kind: "get"; readonly place: Place | undefined; readonly name: string }
  | { readonly kind: "list"; readonly place: Place | undefined }
  | { readonly kind: "environments" | "vaults" | "vault-secrets" }
  | { readonly kind: "create-vault-secret"; readonly name: string }

const hidden = fc.constantFrom<Hidden[]>(1, 2)
const place = fc.constantFrom<Place[]>(0, 0, 1, 2)
const someNames = fc.subarray(names, { minLength: 1, maxLength: 2 })
const oneName = fc.constantFrom(...names)
const nowhere = fc.option(place, { nil: undefined })

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("hidden" as const), place: hidden, names: someNames }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("hidden-rotation" as const, "hidden-rotation" as const, "hidden-removal" as const),
      place: hidden,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("hidden-vault-secret" as const), name: oneName }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("visible" as const), names: someNames }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      places: fc.uniqueArray(place, { minLength: 1, maxLength: 2 }),
      names: someNames,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("get" as const), place: nowhere, name: oneName }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("list" as const), place: nowhere }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("environments" as const, "vaults" as const, "vault-secrets" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("create-vault-secret" as const), name: oneName }) },
)

/** What is different between two histories that the principal must not be able to tell apart. */
interface Variant {
  /** Where a hidden write really goes; `undefined`: it does not happen. */
  readonly hiddenAt: (place: Hidden) => Hidden | undefined
  readonly withVaultSecrets: boolean
  /** Whether owner and principal give their secrets the same metadata. */
  readonly alike: boolean
}

const secretOf =
  (who: "owner" | "principal", alike: boolean) =>
  (name: string): NewSecret => ({
    name,
    value: `by ${who}`,
    type: alike || who === "owner" ? "runtime" : "build",
    dataType: "text",
  })

/** A name is as old as its first value, wherever that is: it may be known that a name exists, and so since when. */
const shownSecret =
  (withAge: boolean) =>
  ({ createdAt, values, ...secret }: Secret) => ({
    ...secret,
    createdAt: withAge ? createdAt : undefined,
    values: values.map((value) => ({ ...value, value: reveal(value.value) })),
  })

/** Everything that the principal is told, with ids of things made on the way left out and known ones by their names. */
const transcript = async (
  world: World,
  permission: Permission,
  steps: readonly Step[],
  { hiddenAt, withVaultSecrets, alike }: Variant,
): Promise<string> => {
  const { engine, owner, workspace, environments, clock } = world
  const environment = (index: Place) => environments[index] ?? ""
  const vault = (await engine.vaults.create(owner, { name: "vault" })).id
  const scope = { type: "environment", project: world.project, environment: environment(0) } as const
  const principal = { workspace, id: "principal", grants: [{ scope, permission }] }
  const told: unknown[] = []

  const byOwner = (index: Place, wanted: readonly string[]) =>
    outcomeOf(
      engine.secrets.create(owner, {
        project,
        environments: [environment(index)],
        secrets: wanted.map(secretOf("owner", alike)),
      }),
    )
  const tell = async <A>(call: Promise<A>, shown: (value: A) => unknown): Promise<void> => {
    const outcome = await outcomeOf(call)
    told.push(outcome.ok ? shown(outcome.value) : outcome)
  }

  for (const one of steps) {
    clock.advance(1_000)
    switch (one.kind) {
      case "hidden": {
        const really = hiddenAt(one.place)
        if (really !== undefined) await byOwner(really, one.names)
        break
      }
      case "hidden-rotation":
      case "hidden-removal": {
        const where = { project, environment: environment(hiddenAt(one.place) ?? one.place) }
        const { keys, environments: all } = engine
        // Either finds nothing when the environment is gone.
        await outcomeOf(one.kind === "hidden-rotation" ? keys.rotate(owner, where) : all.remove(owner, where))
        break
      }
      case "hidden-vault-secret":
        if (withVaultSecrets) {
          await outcomeOf(engine.vaults.secrets.create(owner, vault, { envKey: one.name, value: "hidden" }))
        }
        break
      case "visible":
        await byOwner(0, one.names)
        break
      case "create":
        await tell(
          engine.secrets.create(principal, {
            project,
            environments: one.places.map(environment),
            secrets: one.names.map(secretOf("principal", alike)),
          }),
          (created) => created.map(({ name }) => name),
        )
        break
      case "get":
        await tell(
          engine.secrets.get(principal, {
            project,
            name: one.name,
            ...(one.place === undefined ? {} : { environment: environment(one.place) }),
          }),
          shownSecret(!alike),
        )
        break
      case "list":
        await tell(
          engine.secrets.list(principal, {
            project,
            ...(one.place === undefined ? {} : { environment: environment(one.place) }),
          }),
          (secrets) => secrets.map(shownSecret(!alike)),
        )
        break
      case "environments":
        await tell(engine.environments.list(principal, { project }), (list) => list)
        break
      case "vaults":
        await tell(engine.vaults.list(principal), (list) => list)
        break
      case "vault-secrets":
        await tell(engine.vaults.secrets.list(principal, vault), (list) => list)
        break
      case "create-vault-secret":
        await tell(engine.vaults.secrets.create(principal, vault, { envKey: one.name, value: "mine" }), () => "created")
        break
    }
  }

  const known = new Map([
    ...environments.map((id, index) => [id, `environment-${index}`] as const),
    [vault, "vault"] as const,
  ])
  return JSON.stringify(told).replaceAll(
    /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|vlt_[0-9A-Z]{26}/gu,
    (id) => known.get(id) ?? "an id",
  )
}

/** No answer tells whether an invisible environment holds a value: two histories that differ only there look the same. */
export const hiddenEnvironments = (backend: Backend): void => {
  const asIs: Variant["hiddenAt"] = (index) => index
  const swapped: Variant["hiddenAt"] = (index) => (index === 1 ? 2 : 1)
  const absent: Variant["hiddenAt"] = () => undefined

  const expectAlike = (left: Variant, right: Variant) =>
    check(
      fc.asyncProperty(
        fc.constantFrom<Permission[]>("read", "read-write", "admin"),
        fc.array(step, { minLength: 10, maxLength: 30 }),
        async (permission, steps) => {
          const told: string[] = []
          for (const variant of [left, right]) {
            await inWorld(backend, 3, async (world) => {
              told.push(await transcript(world, permission, steps, variant))
            })
          }
          expect(told[0]).toBe(told[1])
        },
      ),
      50 * backend.share,
    )

  describe(`hidden environments, on ${backend.name}`, () => {
    it("look the same with and without values in them", { timeout }, () =>
      expectAlike(
        { hiddenAt: asIs, withVaultSecrets: true, alike: true },
        { hiddenAt: absent, withVaultSecrets: false, alike: true },
      ),
    )

    it("look the same whichever of them holds the values, even where names are known to exist", { timeout }, () =>
      expectAlike(
        { hiddenAt: asIs, withVaultSecrets: true, alike: false },
        { hiddenAt: swapped, withVaultSecrets: true, alike: false },
      ),
    )
  })
}
