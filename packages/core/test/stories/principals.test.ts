import { describe, expect, it } from "vitest"
import type { Grant, Principal } from "../../src/domain/permission.ts"
import { memory } from "../support/backend.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { inWorld, projectSlug, text, type World } from "../support/world.ts"

const onWorkspace = (permission: Grant["permission"]): readonly Grant[] => [
  { scope: { type: "workspace" }, permission },
]
const onProject = ({ project }: World, permission: Grant["permission"]): readonly Grant[] => [
  { scope: { type: "project", project }, permission },
]

const story = (use: (world: World) => Promise<void>) => () => inWorld(memory, 1, use)
const code = async (call: Promise<unknown>) => codeOf(await outcomeOf(call))

describe("principals", () => {
  it(
    "are kept with their grants, and act by their id alone",
    story(async (world) => {
      const { engine, owner, workspace, environments, clock } = world
      const made = await engine.principals.create(owner, { name: "CI", grants: onProject(world, "read-write") })
      expect(made).toMatchObject({ name: "CI", grants: onProject(world, "read-write") })
      expect(made.id).toMatch(/^prn_[0-9A-HJKMNP-TV-Z]{26}$/u)
      expect(made.createdAt).toEqual(new Date(clock.currentTimeMillisUnsafe()))
      expect(await engine.principals.get(owner, made.id)).toEqual(made)
      await engine.secrets.create(
        { workspace, id: made.id },
        { project: projectSlug, environments, secrets: [text("BY_CI", "value")] },
      )
    }),
  )

  it(
    "come as copies: whoever changes what was shown changes no rights",
    story(async (world) => {
      const { engine, owner } = world
      const { id } = await engine.principals.create(owner, { name: "CI", grants: onProject(world, "read") })
      const token = await engine.tokens.issue(owner, { name: "t", grants: onProject(world, "read") })
      const shown = async () => [
        ...(await engine.principals.get(owner, id)).grants,
        ...(await engine.tokens.list(owner)).flatMap((one) => (one.id === token.id ? one.grants : [])),
      ]
      const before = structuredClone(await shown())
      expect(before).toHaveLength(2)
      for (const grant of await shown()) Object.assign(grant, { permission: "admin", scope: { type: "workspace" } })
      for (const { scope } of await shown()) Object.assign(scope, { project: "another" })
      expect(await shown()).toEqual(before)
    }),
  )

  it(
    "lose and gain rights with the next request",
    story(async (world) => {
      const { engine, owner, workspace } = world
      const { id } = await engine.principals.create(owner, { name: "CI", grants: [] })
      const principal: Principal = { workspace, id }
      const list = () => code(engine.secrets.list(principal, { project: projectSlug }))
      expect(await list()).toBe("PROJECT_NOT_FOUND")
      const changed = await engine.principals.setGrants(owner, id, onProject(world, "read"))
      expect(changed.grants).toEqual(onProject(world, "read"))
      expect(await list()).toBe("ok")
      await engine.principals.setGrants(owner, id, [])
      expect(await list()).toBe("PROJECT_NOT_FOUND")
    }),
  )

  it(
    "are seen by themselves and by admins of anything",
    story(async (world) => {
      const { engine, owner, workspace } = world
      const grants = onProject(world, "read")
      const one = await engine.principals.create(owner, { name: "one", grants })
      const other = await engine.principals.create(owner, { name: "other", grants })
      const admin = await engine.principals.create(owner, { name: "admin", grants: onProject(world, "admin") })
      const get = (id: string, wanted: string) => code(engine.principals.get({ workspace, id }, wanted))
      expect(await get(one.id, one.id)).toBe("ok")
      expect(await get(one.id, other.id)).toBe("PRINCIPAL_NOT_FOUND")
      expect(await get(admin.id, other.id)).toBe("ok")
      expect(await get(admin.id, "prn_01ARZ3NDEKTSV4RRFFQ69G5FAV")).toBe("PRINCIPAL_NOT_FOUND")
      expect(await get(admin.id, "nobody")).toBe("INVALID_INPUT")
    }),
  )

  it(
    "are given and lose only what the admin's own scopes hold",
    story(async (world) => {
      const { engine, owner, workspace } = world
      const admin = await engine.principals.create(owner, { name: "admin", grants: onProject(world, "admin") })
      const wide = await engine.principals.create(owner, { name: "wide", grants: onWorkspace("read") })
      const by: Principal = { workspace, id: admin.id }
      const create = (grants: readonly Grant[]) => code(engine.principals.create(by, { name: "new", grants }))
      expect(await create(onProject(world, "admin"))).toBe("ok")
      expect(await create(onWorkspace("read"))).toBe("FORBIDDEN")
      expect(await code(engine.principals.setGrants(by, wide.id, []))).toBe("FORBIDDEN")
      expect(await code(engine.principals.setGrants(by, admin.id, onWorkspace("admin")))).toBe("FORBIDDEN")
      const writer: Principal = { workspace, id: "host", grants: onWorkspace("read-write") }
      expect(await code(engine.principals.create(writer, { name: "new", grants: [] }))).toBe("FORBIDDEN")
    }),
  )

  it(
    "must be known, well formed and of an existing workspace",
    story(async ({ engine, owner, workspace }) => {
      const verify = (principal: Principal) => code(engine.tokens.verify(principal))
      expect(await verify({ workspace, id: "prn_01ARZ3NDEKTSV4RRFFQ69G5FAV" })).toBe("UNAUTHENTICATED")
      expect(await verify({ workspace, id: "somebody" })).toBe("INVALID_INPUT")
      expect(await verify({ workspace, id: "somebody", grants: [] })).toBe("ok")
      expect(await verify({ ...owner, workspace: "7d3d31a4-8b5f-4a7c-9d0e-1f2a3b4c5d6e" })).toBe("WORKSPACE_NOT_FOUND")
      expect(await verify({ ...owner, workspace: "../store" })).toBe("INVALID_INPUT")
    }),
  )
})
