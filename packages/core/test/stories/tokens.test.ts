import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { NewToken } from "../../src/domain/model.ts"
import type { Grant, Principal } from "../../src/domain/permission.ts"
import { memory } from "../support/backend.ts"
import { openEngine } from "../support/engine.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { inWorld, projectSlug, text, type World } from "../support/world.ts"

const grants = (permission: Grant["permission"]): readonly Grant[] => [{ scope: { type: "workspace" }, permission }]
const story = (use: (world: World) => Promise<void>) => () => inWorld(memory, 1, use)
const code = async (call: Promise<unknown>) => codeOf(await outcomeOf(call))

const identified = async (
  { engine }: World,
  token: Parameters<typeof engine.tokens.identify>[0],
): Promise<Principal> => {
  const principal = await engine.tokens.identify(token)
  if (principal === undefined) throw new Error("the token is not known")
  return principal
}

const issue = ({ engine, owner }: World, input: Partial<NewToken> = {}) =>
  engine.tokens.issue(owner, { name: "token", grants: grants("read-write"), ...input })

describe("API tokens", () => {
  it(
    "are shown once and stand for their maker",
    story(async (world) => {
      const { engine, owner, environments } = world
      const issued = await issue(world, { name: "CI" })
      expect(issued).toMatchObject({ name: "CI", grants: grants("read-write"), maker: owner.id, expiresAt: undefined })
      const plain = reveal(issued.token)
      expect(plain).toMatch(/^ek_live_[A-Za-z0-9_-]{43}$/u)
      for (const shown of [JSON.stringify(issued), String(issued.token), inspect(issued)]) {
        expect(shown).not.toContain(plain.slice(8))
      }
      const principal = await identified(world, plain)
      expect(principal).toEqual({ workspace: world.workspace, id: owner.id, token: issued.id })
      await engine.secrets.create(principal, { project: projectSlug, environments, secrets: [text("NEW", "value")] })
      const [listed] = await engine.tokens.list(owner)
      expect(listed).toEqual({ ...listed, id: issued.id, name: "CI", revokedAt: undefined })
      expect(listed).not.toHaveProperty("token")
    }),
  )

  it(
    "may do what both they and their maker may, and no more",
    story(async (world) => {
      const { engine, owner, workspace, environments } = world
      const maker = await engine.principals.create(owner, { name: "maker", grants: grants("admin") })
      const own: Principal = { workspace, id: maker.id }
      const { token } = await engine.tokens.issue(own, { name: "token", grants: grants("read-write") })
      const principal = await identified(world, token)
      let count = 0
      const create = () =>
        code(
          engine.secrets.create(principal, {
            project: projectSlug,
            environments,
            secrets: [text(`SECRET_${count++}`, "value")],
          }),
        )
      expect(await create()).toBe("ok")
      expect(await code(engine.projects.create(principal, { slug: "prj_new", name: "New" }))).toBe("FORBIDDEN")
      await engine.principals.setGrants(owner, maker.id, grants("read"))
      expect(await create()).toBe("FORBIDDEN")
      await engine.principals.setGrants(owner, maker.id, [])
      expect(await create()).toBe("PROJECT_NOT_FOUND")
    }),
  )

  it(
    "are made only by stored principals, for scopes that they administer",
    story(async (world) => {
      const { engine, owner, workspace } = world
      const writer = await engine.principals.create(owner, { name: "writer", grants: grants("read-write") })
      const input = { name: "token", grants: grants("read") }
      expect(await code(engine.tokens.issue({ workspace, id: writer.id }, input))).toBe("FORBIDDEN")
      const host: Principal = { workspace, id: "host", grants: grants("admin") }
      expect(await code(engine.tokens.issue(host, input))).toBe("PRINCIPAL_NOT_FOUND")
      expect(await code(engine.tokens.issue(owner, { ...input, name: "" }))).toBe("INVALID_INPUT")
      expect(await code(engine.tokens.issue(owner, { ...input, expiresAt: new Date(Number.NaN) }))).toBe(
        "INVALID_INPUT",
      )
    }),
  )

  it(
    "end when they expire, to the millisecond",
    story(async (world) => {
      const { engine, clock } = world
      const now = clock.currentTimeMillisUnsafe()
      const { token } = await issue(world, { expiresAt: new Date(now + 1_000) })
      const principal = await identified(world, token)
      clock.advance(999)
      await engine.tokens.verify(principal)
      clock.advance(1)
      expect(await code(engine.tokens.verify(principal))).toBe("UNAUTHENTICATED")
      expect(await code(engine.secrets.list(principal, { project: projectSlug }))).toBe("UNAUTHENTICATED")
    }),
  )

  it(
    "end when they are revoked, in every process, and stay listed",
    story(async (world) => {
      const { engine, owner, client, clock } = world
      const issued = await issue(world)
      const another = await openEngine(client(), clock)
      const principal = await identified(world, issued.token)
      await another.tokens.verify(principal)
      await engine.tokens.revoke(owner, issued.id)
      const revokedAt = new Date(clock.currentTimeMillisUnsafe())
      for (const process of [engine, another]) {
        expect(await code(process.tokens.verify(principal))).toBe("UNAUTHENTICATED")
      }
      clock.advance(5)
      await engine.tokens.revoke(owner, issued.id)
      expect(await engine.tokens.list(owner)).toMatchObject([{ id: issued.id, revokedAt }])
      expect(await code(issue(world, { token: issued.token }))).toBe("TOKEN_EXISTS")
    }),
  )

  it(
    "may be brought along, once",
    story(async (world) => {
      const token = `ek_live_${"c".repeat(43)}`
      const issued = await issue(world, { token })
      expect(reveal(issued.token)).toBe(token)
      expect((await identified(world, token)).token).toBe(issued.id)
      expect(await code(issue(world, { token }))).toBe("TOKEN_EXISTS")
      expect(await code(issue(world, { token: "ek_live_short" }))).toBe("INVALID_INPUT")
    }),
  )

  it(
    "are unknown unless they were issued here",
    story(async ({ engine }) => {
      for (const token of ["", "ek_live_", `ek_live_${"d".repeat(43)}`, `ek_test_${"d".repeat(43)}`, "Bearer"]) {
        expect(await engine.tokens.identify(token)).toBeUndefined()
      }
    }),
  )

  it(
    "lend nobody but their maker what they may do",
    story(async (world) => {
      const { engine, owner } = world
      const other = await engine.principals.create(owner, { name: "other", grants: grants("admin") })
      const principal = await identified(world, (await issue(world)).token)
      await engine.tokens.verify(principal)
      expect(await code(engine.tokens.verify({ ...principal, id: other.id }))).toBe("UNAUTHENTICATED")
      const unknown = { ...principal, token: "tok_01ARZ3NDEKTSV4RRFFQ69G5FAV" }
      expect(await code(engine.tokens.verify(unknown))).toBe("UNAUTHENTICATED")
    }),
  )

  it(
    "are managed by their maker, by themselves and by admins of all their scopes",
    story(async (world) => {
      const { engine, owner, workspace, project } = world
      const makers = []
      for (const name of ["one", "two"]) {
        const { id } = await engine.principals.create(owner, { name, grants: grants("admin") })
        makers.push({ workspace, id })
      }
      const [one, two] = makers
      if (one === undefined || two === undefined) throw new Error("unreachable")
      const ofOne = await engine.tokens.issue(one, { name: "of one", grants: grants("read") })
      const ofTwo = await engine.tokens.issue(two, { name: "of two", grants: grants("read") })
      await engine.principals.setGrants(owner, one.id, [{ scope: { type: "project", project }, permission: "admin" }])
      const listed = async (principal: Principal) => (await engine.tokens.list(principal)).map(({ name }) => name)
      expect(await listed(one)).toEqual(["of one"])
      expect((await listed(owner)).sort()).toEqual(["of one", "of two"])
      expect(await code(engine.tokens.revoke(one, ofTwo.id))).toBe("TOKEN_NOT_FOUND")
      expect(await code(engine.tokens.revoke(one, "tok_01ARZ3NDEKTSV4RRFFQ69G5FAV"))).toBe("TOKEN_NOT_FOUND")
      const itself = await identified(world, ofTwo.token)
      expect(await listed(itself)).toEqual(["of two"])
      expect(await code(engine.tokens.revoke(itself, ofOne.id))).toBe("TOKEN_NOT_FOUND")
      expect(await code(engine.tokens.revoke(itself, ofTwo.id))).toBe("ok")
      expect(await code(engine.tokens.revoke(one, ofOne.id))).toBe("ok")
    }),
  )
})
