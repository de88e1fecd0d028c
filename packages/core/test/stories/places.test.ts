import { describe, expect, it } from "vitest"
import type { Grant, Principal, Scope } from "../../src/domain/permission.ts"
import { memory } from "../support/backend.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../support/world.ts"

const story = (use: (world: World) => Promise<void>) => () => inWorld(memory, 2, use)
const code = async (call: Promise<unknown>) => codeOf(await outcomeOf(call))
const holding = ({ workspace }: World, permission: Grant["permission"], scope: Scope): Principal => ({
  workspace,
  id: "host",
  grants: [{ scope, permission }],
})

describe("workspaces", () => {
  it(
    "are found by slug and by id, and belong to their owner",
    story(async ({ engine, clock }) => {
      const { workspace, owner } = await engine.workspaces.create({ slug: "ws_new", name: "New", owner: "Ada" })
      expect(workspace).toMatchObject({ slug: "ws_new", name: "New", owner: owner.id })
      expect(workspace.createdAt).toEqual(new Date(clock.currentTimeMillisUnsafe()))
      expect(await engine.workspaces.find("ws_new")).toEqual(workspace)
      expect(await engine.workspaces.find(workspace.id.toUpperCase())).toEqual(workspace)
      expect(await engine.principals.get(owner, owner.id)).toMatchObject({
        name: "Ada",
        grants: [{ scope: { type: "workspace" }, permission: "admin" }],
      })
      expect(await engine.workspaces.find("ws_none")).toBeUndefined()
      expect(await engine.workspaces.find("7d3d31a4-8b5f-4a7c-9d0e-1f2a3b4c5d6e")).toBeUndefined()
    }),
  )

  it(
    "have a slug of their own that is no id",
    story(async ({ engine }) => {
      const create = (slug: string) => code(engine.workspaces.create({ slug, name: "New" }))
      expect(await create("ws_new")).toBe("ok")
      expect(await create("ws_new")).toBe("SLUG_TAKEN")
      for (const slug of ["x", "Upper", "a b", "7d3d31a4-8b5f-4a7c-9d0e-1f2a3b4c5d6e", "a".repeat(49)]) {
        expect(await create(slug)).toBe("INVALID_INPUT")
      }
    }),
  )
})

describe("projects", () => {
  it(
    "are found by slug and by id, and listed by slug to those who see them",
    story(async (world) => {
      const { engine, owner, environments } = world
      const made = await engine.projects.create(owner, { slug: "prj_another", name: "Another" })
      expect(await engine.projects.get(owner, "prj_another")).toEqual(made)
      expect(await engine.projects.get(owner, made.id.toUpperCase())).toEqual(made)
      expect((await engine.projects.list(owner)).map(({ slug }) => slug)).toEqual(["prj_another", projectSlug])
      const [environment = ""] = environments
      const guest = holding(world, "read", { type: "environment", project: world.project, environment })
      expect((await engine.projects.list(guest)).map(({ slug }) => slug)).toEqual([projectSlug])
      expect(await code(engine.projects.get(guest, "prj_another"))).toBe("PROJECT_NOT_FOUND")
      expect(await code(engine.projects.get(owner, "prj_none"))).toBe("PROJECT_NOT_FOUND")
    }),
  )

  it(
    "are made by admins of the workspace, each slug once",
    story(async (world) => {
      const { engine, owner, project } = world
      const input = { slug: "prj_new", name: "New" }
      expect(await code(engine.projects.create(holding(world, "read-write", { type: "workspace" }), input))).toBe(
        "FORBIDDEN",
      )
      expect(await code(engine.projects.create(holding(world, "admin", { type: "project", project }), input))).toBe(
        "FORBIDDEN",
      )
      expect(await code(engine.projects.create(owner, input))).toBe("ok")
      expect(await code(engine.projects.create(owner, input))).toBe("SLUG_TAKEN")
      expect(await code(engine.projects.create(owner, { ...input, slug: "PRJ" }))).toBe("INVALID_INPUT")
    }),
  )
})

describe("environments", () => {
  it(
    "are listed by name to those who may read them, under any name of project and workspace",
    story(async (world) => {
      const { engine, owner, workspace, project } = world
      const made = await engine.environments.create(owner, { project: projectSlug, name: "a first one" })
      const all = await engine.environments.list(owner, { project: projectSlug })
      expect(all.map(({ name }) => name)).toEqual(["a first one", "environment 0", "environment 1"])
      const scope = { type: "environment", project, environment: made.id } as const
      const guest = holding(world, "read", scope)
      for (const named of ["ws_example", workspace]) {
        expect(await engine.environments.list(guest, { workspace: named, project })).toEqual([made])
      }
      const elsewhere = engine.environments.list(guest, { workspace: "ws_other", project })
      expect(await code(elsewhere)).toBe("WORKSPACE_NOT_FOUND")
    }),
  )

  it(
    "are made and removed by admins of the project, each name once",
    story(async (world) => {
      const { engine, owner, project, environments } = world
      const [environment = ""] = environments
      const writer = holding(world, "read-write", { type: "project", project })
      const here = holding(world, "admin", { type: "environment", project, environment })
      const create = (principal: Principal) => code(engine.environments.create(principal, { project, name: "new" }))
      const remove = (principal: Principal, id: string) =>
        code(engine.environments.remove(principal, { project, environment: id }))
      expect([await create(writer), await create(here), await create(owner)]).toEqual(["FORBIDDEN", "FORBIDDEN", "ok"])
      expect(await create(owner)).toBe("ENVIRONMENT_EXISTS")
      expect([await remove(writer, environment), await remove(here, environment)]).toEqual(["FORBIDDEN", "FORBIDDEN"])
      expect(await remove(here, environments[1] ?? "")).toBe("ENVIRONMENT_NOT_FOUND")
      expect(await remove(owner, environment.toUpperCase())).toBe("ok")
      expect(await remove(owner, environment)).toBe("ENVIRONMENT_NOT_FOUND")
      expect(await code(engine.environments.create(owner, { project, name: "environment 0" }))).toBe("ok")
    }),
  )

  it(
    "take their values with them, many at a time",
    story(async (world) => {
      const { engine, owner, environments, census, workspace } = world
      const [gone = "", stays = ""] = environments
      const names = Array.from({ length: 450 }, (_, index) => `SECRET_${index}`)
      const create = (ids: readonly string[], wanted: readonly string[]) =>
        engine.secrets.create(owner, {
          project: projectSlug,
          environments: ids,
          secrets: wanted.map((name) => text(name, name)),
        })
      await create([gone], names.slice(0, 400))
      await create([gone, stays], names.slice(400))
      await engine.environments.remove(owner, { project: projectSlug, environment: gone })
      expect(Object.keys(await valuesOf(engine, owner)).sort()).toEqual(
        names
          .slice(400)
          .map((name) => `${stays}/${name}`)
          .sort(),
      )
      const counts = await census.counts(workspace)
      expect(counts[`value.${gone}`]).toBeUndefined()
      expect(counts[`secret.${world.project}`]).toBe(50)
      expect(counts["secret-id"]).toBe(50)
    }),
  )
})

describe("secrets", () => {
  it(
    "are listed whole, by name, however many pages they fill",
    story(async (world) => {
      const { engine, owner, environments } = world
      const [first = "", second = ""] = environments
      const names = Array.from({ length: 1_200 }, (_, index) => `SECRET_${index}`)
      const create = (ids: readonly string[], wanted: readonly string[]) =>
        engine.secrets.create(owner, {
          project: projectSlug,
          environments: ids,
          secrets: wanted.map((name) => text(name, name)),
        })
      await create([first], names.slice(0, 700))
      await create([first, second], names.slice(700))
      const listed = async (environment?: string) => {
        const where = { project: projectSlug, ...(environment === undefined ? {} : { environment }) }
        return (await engine.secrets.list(owner, where)).map(({ name }) => name)
      }
      expect(await listed()).toEqual(names.toSorted())
      expect(await listed(second)).toEqual(names.slice(700).sort())
      expect(Object.keys(await valuesOf(engine, owner))).toHaveLength(1_700)
    }),
  )

  it(
    "are a thousand values a request at most",
    story(async ({ engine, owner, environments }) => {
      const create = (count: number) =>
        engine.secrets.create(owner, {
          project: projectSlug,
          environments,
          secrets: Array.from({ length: count }, (_, index) => text(`SECRET_${index}`, "")),
        })
      expect(await code(create(501))).toBe("LIMIT_EXCEEDED")
      expect(await code(create(500))).toBe("ok")
    }),
  )
})

describe("vaults", () => {
  it(
    "are listed in the order of their making, with the number of their secrets",
    story(async (world) => {
      const { engine, owner, clock } = world
      const first = await engine.vaults.create(owner, { name: "first", description: "the first" })
      clock.advance(1)
      const second = await engine.vaults.create(owner, { name: "second" })
      expect(first).toMatchObject({ name: "first", description: "the first", secretCount: 0 })
      expect(second.description).toBe("")
      const secret = await engine.vaults.secrets.create(owner, second.id, {
        envKey: "DATABASE_URL",
        value: "postgres://",
        allowedDomains: ["*.Example.COM"],
      })
      expect(secret).toMatchObject({ envKey: "DATABASE_URL", allowedDomains: ["*.example.com"] })
      expect(secret).not.toHaveProperty("value")
      expect(await engine.vaults.list(owner)).toEqual([first, { ...second, secretCount: 1 }])
      expect(await engine.vaults.secrets.list(owner, second.id)).toEqual([secret])
      const guest = holding(world, "read", { type: "vault", vault: first.id })
      expect(await engine.vaults.list(guest)).toEqual([first])
      expect(await code(engine.vaults.secrets.list(guest, second.id))).toBe("VAULT_NOT_FOUND")
    }),
  )

  it(
    "take a secret of each name once, from those who may write, with domains that make sense",
    story(async (world) => {
      const { engine, owner } = world
      const { id } = await engine.vaults.create(owner, { name: "vault" })
      const create = (
        principal: Principal,
        input: { envKey?: string; value?: string; allowedDomains?: string[] } = {},
      ) => outcomeOf(engine.vaults.secrets.create(principal, id, { envKey: "KEY", value: "value", ...input }))
      const reader = holding(world, "read", { type: "vault", vault: id })
      expect(codeOf(await create(reader))).toBe("FORBIDDEN")
      expect(codeOf(await create(owner, { envKey: "1KEY" }))).toBe("INVALID_INPUT")
      expect(codeOf(await create(owner, { value: "" }))).toBe("INVALID_INPUT")
      expect(await create(owner, { allowedDomains: ["fine.com", "*"] })).toMatchObject({
        code: "INVALID_DOMAIN",
        details: { path: "allowedDomains[1]" },
      })
      expect(codeOf(await create(owner))).toBe("ok")
      expect(await create(owner)).toMatchObject({ code: "SECRET_EXISTS", details: { names: ["KEY"] } })
      expect(await code(engine.vaults.secrets.list(owner, "vlt_short"))).toBe("INVALID_INPUT")
      expect(await code(engine.vaults.secrets.list(owner, "vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV"))).toBe("VAULT_NOT_FOUND")
    }),
  )

  it(
    "are removed by their admins, when they are empty",
    story(async (world) => {
      const { engine, owner } = world
      const empty = (await engine.vaults.create(owner, { name: "empty" })).id
      const full = (await engine.vaults.create(owner, { name: "full" })).id
      await engine.vaults.secrets.create(owner, full, { envKey: "KEY", value: "value" })
      const writer = holding(world, "read-write", { type: "workspace" })
      expect(await code(engine.vaults.create(writer, { name: "new" }))).toBe("FORBIDDEN")
      expect(await code(engine.vaults.remove(writer, empty))).toBe("FORBIDDEN")
      const admin = holding(world, "admin", { type: "vault", vault: empty })
      expect(await code(engine.vaults.remove(admin, full))).toBe("VAULT_NOT_FOUND")
      expect(await code(engine.vaults.remove(admin, empty))).toBe("ok")
      const refused = await outcomeOf(engine.vaults.remove(owner, full))
      expect(refused).toMatchObject({ code: "VAULT_NOT_EMPTY", details: { vault: full, secrets: 1 } })
      // Open again at once.
      await engine.vaults.secrets.create(owner, full, { envKey: "MORE", value: "value" })
      expect((await engine.vaults.list(owner)).map(({ id, secretCount }) => [id, secretCount])).toEqual([[full, 2]])
    }),
  )
})
