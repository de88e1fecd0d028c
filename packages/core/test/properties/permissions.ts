import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { NewSecret, Secret } from "../../src/domain/model.ts"
import type { Principal } from "../../src/domain/permission.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import type { Backend } from "../support/backend.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import type { Rights } from "../support/permission-model.ts"
import { type Answer, ReferenceEngine } from "../support/reference-engine.ts"
import { check, timeout } from "../support/runs.ts"
import { drawnPrincipal, makePrincipal, makeTenant, placeOf, type Spot, spot, type Tenant } from "../support/tenants.ts"
import { inWorld } from "../support/world.ts"

const names = ["AA", "BB", "CC"]

const secret: fc.Arbitrary<NewSecret> = fc.record(
  {
    name: fc.constantFrom(...names),
    value: fc.string({ maxLength: 5 }),
    type: fc.oneof(
      { weight: 5, arbitrary: fc.constant("runtime" as const) },
      { weight: 1, arbitrary: fc.constant("build" as const) },
    ),
    dataType: fc.constant("text" as const),
    note: fc.constantFrom("", "note"),
  },
  { requiredKeys: ["name", "value", "type", "dataType"] },
)

/** How a request names its project, and whether it names a workspace too. */
const naming = fc.record({
  by: fc.constantFrom("slug" as const, "id" as const),
  workspace: fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: fc.constantFrom("slug" as const, "id" as const) },
    { weight: 1, arbitrary: fc.constant("stranger" as const) },
  ),
})

const at = fc.record({ spot, naming, everywhere: fc.boolean() })

type Request =
  | { readonly kind: "create"; readonly at: At; readonly also: readonly Spot[]; readonly secrets: readonly NewSecret[] }
  | { readonly kind: "list" | "environments"; readonly at: At }
  | { readonly kind: "get"; readonly at: At; readonly name: string }
  | { readonly kind: "projects" | "vaults" }
  | { readonly kind: "vault-secrets"; readonly at: At }
  | { readonly kind: "create-vault-secret"; readonly at: At; readonly envKey: string }
  | { readonly kind: "release" | "forward"; readonly at: At; readonly envKey: string }

type At = typeof at extends fc.Arbitrary<infer T> ? T : never

const request: fc.Arbitrary<Request> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      at,
      also: fc.array(spot, { maxLength: 2 }),
      secrets: fc.uniqueArray(secret, { minLength: 1, maxLength: 2, selector: ({ name }) => name }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("list" as const, "environments" as const), at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("get" as const), at, name: fc.constantFrom(...names) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("projects" as const, "vaults" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("vault-secrets" as const), at }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("create-vault-secret" as const),
      at,
      envKey: fc.constantFrom(...names),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("release" as const, "forward" as const),
      at,
      envKey: fc.constantFrom(...names),
    }),
  },
)

const shownSecret = ({ name, note, type, dataType, values }: Secret) => ({
  name,
  note,
  type,
  dataType,
  values: Object.fromEntries(values.map(({ environment, value }) => [environment, reveal(value)])),
})

const answerOf = async <A>(call: Promise<A>, shown: (value: A) => unknown): Promise<Answer> => {
  const outcome = await outcomeOf(call)
  if (outcome.ok) return { gave: shown(outcome.value) }
  const named = outcome.details["names"]
  return { code: outcome.code, ...(Array.isArray(named) ? { names: named } : {}) }
}

interface Person {
  readonly principal: Principal
  readonly rights: Rights
}

/** Asks the engine and the reference the same. */
const ask = async (
  engine: Strongroom,
  reference: ReferenceEngine,
  tenants: readonly Tenant[],
  { principal, rights }: Person,
  asked: Request,
): Promise<readonly [engine: Answer, reference: Answer]> => {
  const whereOf = ({ spot: drawn, naming: { by, workspace } }: At) => {
    const { project, environment, vault } = placeOf(tenants, drawn)
    const own = tenants[0]
    const workspaces = { slug: own?.slug, id: own?.id, stranger: tenants[1]?.slug, none: undefined }
    const named = workspaces[workspace ?? "none"]
    return { where: { project: project[by], ...(named === undefined ? {} : { workspace: named }) }, environment, vault }
  }
  switch (asked.kind) {
    case "create": {
      const { where, environment } = whereOf(asked.at)
      const also = asked.also.map((drawn) => placeOf(tenants, drawn).environment.id)
      const environments = [...new Set([environment.id, ...also])]
      const wanted = { ...where, environments, secrets: asked.secrets }
      const created = engine.secrets.create(principal, wanted)
      return [await answerOf(created, (list) => list.map(({ name }) => name)), reference.create(rights, wanted)]
    }
    case "list": {
      const { where, environment } = whereOf(asked.at)
      const narrowed = asked.at.everywhere ? where : { ...where, environment: environment.id }
      const listed = engine.secrets.list(principal, narrowed)
      return [await answerOf(listed, (list) => list.map(shownSecret)), reference.list(rights, narrowed)]
    }
    case "get": {
      const { where, environment } = whereOf(asked.at)
      const narrowed = asked.at.everywhere ? where : { ...where, environment: environment.id }
      const got = engine.secrets.get(principal, { ...narrowed, name: asked.name })
      return [await answerOf(got, shownSecret), reference.get(rights, asked.name, narrowed)]
    }
    case "environments": {
      const { where } = whereOf(asked.at)
      const listed = engine.environments.list(principal, where)
      return [await answerOf(listed, (list) => list), reference.environments(rights, where)]
    }
    case "projects": {
      const listed = engine.projects.list(principal)
      return [await answerOf(listed, (list) => list.map(({ slug }) => slug)), reference.projects(rights)]
    }
    case "vaults": {
      const listed = engine.vaults.list(principal)
      const shown = answerOf(listed, (list) => list.map(({ id, secretCount }) => `${id} ${secretCount}`).sort())
      return [await shown, reference.vaults(rights)]
    }
    case "vault-secrets": {
      const { vault } = whereOf(asked.at)
      const listed = engine.vaults.secrets.list(principal, vault)
      const shown = answerOf(listed, (list) => list.map(({ envKey }) => envKey).sort())
      return [await shown, reference.vaultSecrets(rights, vault)]
    }
    case "create-vault-secret": {
      const { vault } = whereOf(asked.at)
      const created = engine.vaults.secrets.create(principal, vault, { envKey: asked.envKey, value: "value" })
      return [await answerOf(created, ({ envKey }) => envKey), reference.createVaultSecret(rights, vault, asked.envKey)]
    }
    case "release":
    case "forward": {
      const { vault } = whereOf(asked.at)
      const { kind: purpose, envKey } = asked
      const released = engine.vaults.secrets.release(principal, vault, envKey, "a.example", { purpose })
      const expected = reference.releaseVaultSecret(rights, vault, envKey, purpose)
      return [await answerOf(released, ({ value }) => reveal(value)), expected]
    }
  }
}

/** Answers that a run of many histories must have met, or it has tested little. */
const answers = [
  ...["ok", "FORBIDDEN", "SECRET_EXISTS", "SECRET_DIFFERS"].map((code) => `create: ${code}`),
  ...["WORKSPACE_NOT_FOUND", "PROJECT_NOT_FOUND", "ENVIRONMENT_NOT_FOUND"].map((code) => `create: ${code}`),
  ...["ok", "SECRET_NOT_FOUND", "PROJECT_NOT_FOUND"].map((code) => `get: ${code}`),
  ...["ok", "PROJECT_NOT_FOUND"].map((code) => `list: ${code}`),
  ...["ok", "VAULT_NOT_FOUND", "FORBIDDEN", "SECRET_EXISTS"].map((code) => `create-vault-secret: ${code}`),
  ...["ok", "VAULT_NOT_FOUND", "FORBIDDEN"].map((code) => `release: ${code}`),
  ...["ok", "VAULT_NOT_FOUND"].map((code) => `forward: ${code}`),
]

/** Permissions, against a second implementation of the rules, and what answers tell about what is hidden. */
export const permissions = (backend: Backend): void => {
  describe(`permissions, on ${backend.name}`, () => {
    it("agree with the reference model, for any grants, principals and requests", { timeout }, async () => {
      const seen = new Set<string>()
      await check(
        fc.asyncProperty(
          fc.array(drawnPrincipal, { minLength: 2, maxLength: 3 }),
          fc.array(fc.tuple(fc.nat({ max: 3 }), request), { minLength: 20, maxLength: 40 }),
          (principals, requests) =>
            inWorld(backend, 0, async ({ engine }) => {
              const tenants: Tenant[] = []
              for (const slug of ["ws_own", "ws_stranger"]) tenants.push(await makeTenant(engine, slug))
              const [own, stranger] = tenants
              if (own === undefined || stranger === undefined) throw new Error("unreachable")
              // The stranger has secrets of the same names at the same places.
              for (const { id, environments } of stranger.projects) {
                await engine.secrets.create(stranger.owner, {
                  project: id,
                  environments: environments.map((environment) => environment.id),
                  secrets: names.map((name) => ({ name, value: "stranger", type: "runtime", dataType: "text" })),
                })
              }
              const reference = new ReferenceEngine(own)
              const everything = [{ scope: { type: "workspace" }, permission: "admin" }] as const
              const people: Person[] = [{ principal: own.owner, rights: { lists: [everything] } }]
              for (const drawn of principals) people.push(await makePrincipal(engine, tenants, drawn))
              for (const [who, asked] of requests) {
                const person = people[who % people.length]
                if (person === undefined) throw new Error("unreachable")
                const [answer, expected] = await ask(engine, reference, tenants, person, asked)
                expect(answer).toEqual(expected)
                seen.add(`${asked.kind}: ${"code" in answer ? answer.code : "ok"}`)
              }
            }),
        ),
        80 * backend.share,
      )
      // With few runs an answer may be missed by chance.
      if (backend.share === 1) expect([...seen]).toEqual(expect.arrayContaining(answers))
    })

    it("end at the workspace: nobody is known in another one, and ids lead nowhere there", { timeout }, () =>
      inWorld(backend, 0, async ({ engine }) => {
        const own = await makeTenant(engine, "ws_own")
        const other = await makeTenant(engine, "ws_other")
        const grants = [{ scope: { type: "workspace" }, permission: "admin" }] as const
        const { token } = await engine.tokens.issue(own.owner, { name: "token", grants })
        const bearer = await engine.tokens.identify(token)
        if (bearer === undefined) throw new Error("the token is not known")
        const [project] = other.projects
        const calls = (principal: Principal) => [
          engine.projects.list(principal),
          engine.vaults.list(principal),
          engine.audit.list(principal),
          engine.tokens.list(principal),
          engine.secrets.list(principal, { project: project?.slug ?? "" }),
          engine.environments.create(principal, { project: project?.id ?? "", name: "mine" }),
        ]
        for (const principal of [own.owner, bearer]) {
          const moved = { ...principal, workspace: other.id }
          const codes = await Promise.all(calls(moved).map(async (call) => codeOf(await outcomeOf<unknown>(call))))
          expect(new Set(codes)).toEqual(new Set(["UNAUTHENTICATED"]))
        }
        const nowhere = { ...own.owner, workspace: "7d3d31a4-8b5f-4a7c-9d0e-1f2a3b4c5d6e" }
        expect(codeOf(await outcomeOf(engine.projects.list(nowhere)))).toBe("WORKSPACE_NOT_FOUND")
      }),
    )
  })
}
