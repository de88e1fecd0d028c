import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { AuditEntry, ReleaseOptions } from "../../src/domain/model.ts"
import type { Grant, Permission, Principal, Scope } from "../../src/domain/permission.ts"
import type { StrongroomOptions } from "../../src/strongroom.ts"
import { memory } from "../support/backend.ts"
import { openEngine } from "../support/engine.ts"
import { intercept } from "../support/intercept.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { inWorld, type World } from "../support/world.ts"

const code = async (call: Promise<unknown>) => codeOf(await outcomeOf(call))

interface Stage {
  readonly world: World
  readonly vault: string
  /** Of the secret API_KEY, for `api.example.com` and `*.example.org`. */
  readonly secret: string
  readonly holding: (permission: Permission) => Principal
  readonly release: (
    target: string,
    options?: ReleaseOptions,
    principal?: Principal,
  ) => Promise<{ readonly value: string; readonly host: string }>
  /** Of releases and forwards. */
  readonly entries: () => Promise<readonly AuditEntry[]>
}

const story =
  (use: (stage: Stage) => Promise<void>, options: Partial<StrongroomOptions> = {}) =>
  (): Promise<void> =>
    inWorld(memory, 0, async (world) => {
      const { owner, workspace, client, clock } = world
      const engine = await openEngine(client(), clock, options)
      const { id: vault } = await engine.vaults.create(owner, { name: "agents" })
      const { id: secret } = await engine.vaults.secrets.create(owner, vault, {
        envKey: "API_KEY",
        value: "the value",
        allowedDomains: ["API.example.com.", "*.example.org"],
      })
      await use({
        world: { ...world, engine },
        vault,
        secret,
        holding: (permission) => ({
          workspace,
          id: "agent",
          grants: [{ scope: { type: "vault", vault }, permission }],
        }),
        release: async (target, how, principal = owner) => {
          const { value, host } = await engine.vaults.secrets.release(principal, vault, "API_KEY", target, how)
          expect(String(value)).not.toContain("the value")
          return { value: reveal(value), host }
        },
        entries: async () =>
          (await engine.audit.list(owner)).entries.filter(({ action }) => /\.(release|forward)$/.test(action)),
      })
    })

describe("a release", () => {
  it(
    "gives the value and the canonical host, wrapped and audited",
    story(async ({ world, vault, secret, release, entries }) => {
      const host = "api.example.com"
      expect(await release("https://API.example.com.:8443/v1?q=1")).toEqual({ value: "the value", host })
      expect(await release("x.y.example.org:443")).toEqual({ value: "the value", host: "x.y.example.org" })
      const subject = { vault, secret, envKey: "API_KEY", outcome: "allowed" }
      const common = { action: "vault-secret.release", principal: world.owner.id }
      expect(await entries()).toMatchObject([
        { ...common, subject: { ...subject, host } },
        { ...common, subject: { ...subject, host: "x.y.example.org" } },
      ])
    }),
  )

  it.each([
    ["https://evil.com/", "host_not_allowed", "evil.com"],
    ["https://api.example.com.evil.com/", "host_not_allowed", "api.example.com.evil.com"],
    ["http://API.example.com./?hunter2", "insecure_scheme", "api.example.com"],
    ["ws://evil.com/hunter2", "insecure_scheme", "evil.com"],
    ["ftp://hunter2/", "insecure_scheme", undefined],
    ["http://localhost/", "insecure_scheme", undefined],
    ["http://127.0.0.1/", "insecure_scheme", undefined],
    ["https://user:hunter2@api.example.com/", "ambiguous_url", undefined],
    ["https://127.0.0.1/?hunter2", "ip_literal", undefined],
    ["hunter2 is no host", "ambiguous_url", undefined],
  ])("of %s is denied as %s and audited, with no more than the host of the target", (target, reason, host) =>
    story(async ({ vault, secret, release, entries }) => {
      const outcome = await outcomeOf(release(target))
      expect(outcome).toMatchObject({ code: "RELEASE_DENIED", details: { vault, envKey: "API_KEY", reason } })
      const where = host === undefined ? {} : { host }
      const [entry, ...others] = await entries()
      expect(others).toEqual([])
      expect(entry?.subject).toEqual({ vault, secret, envKey: "API_KEY", outcome: reason, ...where })
      for (const text of [JSON.stringify(outcome), JSON.stringify(entry)]) expect(text).not.toMatch(/hunter2|the value/)
    })(),
  )

  it(
    "stops at a suffix boundary",
    story(async ({ world: { engine, owner }, vault }) => {
      const input = { envKey: "AWS", value: "v", allowedDomains: ["*.amazonaws.com"] }
      await engine.vaults.secrets.create(owner, vault, input)
      const release = (target: string) => outcomeOf(engine.vaults.secrets.release(owner, vault, "AWS", target))
      expect(await release("iam.amazonaws.com")).toMatchObject({ ok: true })
      expect(await release("evil.s3.amazonaws.com")).toMatchObject({ details: { reason: "suffix_boundary" } })
    }),
  )

  it(
    "goes to any host where there is no restriction, and to nothing that is no host",
    story(async ({ world: { engine, owner }, vault }) => {
      await engine.vaults.secrets.create(owner, vault, { envKey: "OPEN", value: "v" })
      const release = (target: string) => outcomeOf(engine.vaults.secrets.release(owner, vault, "OPEN", target))
      expect(await release("https://anything.example")).toMatchObject({ ok: true, value: { host: "anything.example" } })
      expect(await release("http://anything.example")).toMatchObject({ details: { reason: "insecure_scheme" } })
      expect(await release("[::1]")).toMatchObject({ details: { reason: "ip_literal" } })
    }),
  )

  it(
    "goes in the clear only where the caller lets it",
    story(async ({ release }) => {
      expect(await code(release("http://api.example.com/", { allowCleartext: false }))).toBe("RELEASE_DENIED")
      expect(await release("http://api.example.com/", { allowCleartext: true })).toMatchObject({ value: "the value" })
    }),
  )

  it(
    "needs read on the vault, to forward takes use, and who sees nothing of the vault finds none",
    story(async ({ world: { engine, workspace }, vault, holding, release, entries }) => {
      const target = "https://api.example.com"
      const forward = { purpose: "forward" } as const
      for (const permission of ["read", "read-write", "admin"] as const) {
        expect(await code(release(target, {}, holding(permission)))).toBe("ok")
      }
      expect(await code(release(target, { purpose: "release" }, holding("use")))).toBe("FORBIDDEN")
      expect(await code(release(target, forward, holding("use")))).toBe("ok")
      const { id: other } = await engine.vaults.create(
        { workspace, id: "host", grants: [{ scope: { type: "workspace" }, permission: "admin" }] },
        { name: "other" },
      )
      const elsewhere = engine.vaults.secrets.release(holding("admin"), other, "API_KEY", target)
      expect(await code(elsewhere)).toBe("VAULT_NOT_FOUND")
      const made = await entries()
      expect(made.map(({ action }) => action)).toEqual([
        ...Array(3).fill("vault-secret.release"),
        "vault-secret.forward",
      ])
      expect(made.every(({ principal, subject }) => principal === "agent" && subject["vault"] === vault)).toBe(true)
    }),
  )

  it(
    "of nothing, of nobody's vault and of nonsense is refused without an entry",
    story(async ({ world: { engine, owner }, vault, entries }) => {
      const release = (id: string, envKey: string, options?: object) =>
        code(engine.vaults.secrets.release(owner, id, envKey, "https://api.example.com", options))
      expect(await release(vault, "NO_KEY")).toBe("SECRET_NOT_FOUND")
      expect(await release("vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "API_KEY")).toBe("VAULT_NOT_FOUND")
      expect(await release("vlt_x", "API_KEY")).toBe("INVALID_INPUT")
      expect(await release(vault, "no key")).toBe("INVALID_INPUT")
      expect(await release(vault, "API_KEY", { purpose: "other" })).toBe("INVALID_INPUT")
      expect(await release(vault, "API_KEY", { allowCleartext: "yes" })).toBe("INVALID_INPUT")
      // @ts-expect-error callers without types hand over anything
      expect(await code(engine.vaults.secrets.release(owner, vault, "API_KEY", undefined))).toBe("RELEASE_DENIED")
      expect(await entries()).toHaveLength(1)
    }),
  )

  it(
    "is audited although reads are not",
    story(
      async ({ release, entries }) => {
        await release("https://api.example.com")
        expect(await code(release("https://evil.com"))).toBe("RELEASE_DENIED")
        expect(await entries()).toHaveLength(2)
      },
      { audit: { reads: false } },
    ),
  )
})

describe("permission to use", () => {
  it(
    "shows the vault and its secrets, without values, and nothing else",
    story(async ({ world: { engine, project }, vault, secret, holding }) => {
      const agent = holding("use")
      expect(await engine.vaults.list(agent)).toMatchObject([{ id: vault, secretCount: 1 }])
      expect(await engine.vaults.secrets.list(agent, vault)).toMatchObject([{ id: secret, envKey: "API_KEY" }])
      const create = engine.vaults.secrets.create(agent, vault, { envKey: "NEW", value: "v" })
      expect(await code(create)).toBe("FORBIDDEN")
      expect(await code(engine.keys.rotate(agent, { vault }))).toBe("FORBIDDEN")
      expect(await code(engine.vaults.remove(agent, vault))).toBe("FORBIDDEN")
      expect(await engine.projects.list(agent)).toEqual([])
      expect(await code(engine.environments.list(agent, { project }))).toBe("PROJECT_NOT_FOUND")
    }),
  )

  it(
    "is granted on a vault and nowhere else, be it kept, vouched for or a token's",
    story(async ({ world: { engine, owner, workspace, project }, vault }) => {
      const { id: environment } = await engine.environments.create(owner, { project, name: "production" })
      const { id: kept } = await engine.principals.create(owner, { name: "kept", grants: [] })
      const onVault: Grant = { scope: { type: "vault", vault }, permission: "use" }
      const scopes: readonly Scope[] = [
        { type: "workspace" },
        { type: "project", project },
        { type: "environment", project, environment },
      ]
      for (const scope of scopes) {
        const grants: readonly Grant[] = [onVault, { scope, permission: "use" }]
        const refused = [
          engine.projects.list({ workspace, id: "agent", grants }),
          engine.principals.create(owner, { name: "agent", grants }),
          engine.principals.setGrants(owner, kept, grants),
          engine.tokens.issue(owner, { name: "agent", grants }),
        ]
        for (const call of refused) expect(await code(call)).toBe("INVALID_INPUT")
      }
    }),
  )

  it(
    "is kept by the engine and bounds tokens like any other",
    story(async ({ world: { engine, owner, workspace }, vault, release }) => {
      const grants = [{ scope: { type: "vault", vault }, permission: "use" }] as const
      const { id } = await engine.principals.create(owner, { name: "agent", grants })
      expect((await engine.principals.get(owner, id)).grants).toEqual(grants)
      expect(await code(release("https://api.example.com", {}, { workspace, id }))).toBe("FORBIDDEN")
      const { token } = await engine.tokens.issue(owner, { name: "agent", grants })
      const bearer = await engine.tokens.identify(token)
      if (bearer === undefined) throw new Error("the token is not known")
      expect(await code(release("https://api.example.com", {}, bearer))).toBe("FORBIDDEN")
      expect(await code(release("https://api.example.com", { purpose: "forward" }, bearer))).toBe("ok")
    }),
  )
})

describe("without its audit entry", () => {
  const failing = (commit: () => Promise<never>) =>
    story(async ({ world: { owner, client, clock }, vault, entries }) => {
      let failed = 0
      const storage = intercept(client(), {
        before: async ({ kind }) => {
          if (kind !== "commit") return
          failed++
          await commit()
        },
      })
      const engine = await openEngine(storage, clock)
      const outcome = await outcomeOf(engine.vaults.secrets.release(owner, vault, "API_KEY", "api.example.com"))
      expect(outcome.ok).toBe(false)
      expect(JSON.stringify(outcome)).not.toContain("the value")
      expect(failed).toBeGreaterThan(0)
      expect(await entries()).toEqual([])
    })
  const reject = (errorCode: string) => async () => Promise.reject(Object.assign(new Error("no"), { code: errorCode }))

  it.each(["UNAVAILABLE", "BUSY", "UNKNOWN_OUTCOME", "FATAL"])("no value is given: %s", (errorCode) =>
    failing(reject(errorCode))(),
  )

  it(
    "no value is given: an adapter that calls it a conflict of nothing",
    story(async ({ world: { owner, client, clock }, vault }) => {
      const inner = client()
      const engine = await openEngine({ ...inner, commit: async () => ({ status: "conflict", addresses: [] }) }, clock)
      const releasing = engine.vaults.secrets.release(owner, vault, "API_KEY", "api.example.com")
      expect(await code(releasing)).toBe("STORAGE_FAILED")
    }),
  )
})

describe("options of the engine", () => {
  it(
    "requireAllowedDomains refuses a secret without any, and leaves what is stored usable",
    story(
      async ({ world: { engine, owner, client, clock }, vault }) => {
        const create = (strongroom: typeof engine, envKey: string, allowedDomains?: readonly string[]) => {
          const domains = allowedDomains === undefined ? {} : { allowedDomains }
          return outcomeOf(strongroom.vaults.secrets.create(owner, vault, { envKey, value: "v", ...domains }))
        }
        const refusal = { code: "INVALID_INPUT", details: { path: "allowedDomains" } }
        expect(await create(engine, "NONE")).toMatchObject(refusal)
        expect(await create(engine, "EMPTY", [])).toMatchObject(refusal)
        expect(await create(engine, "SOME", ["a.example"])).toMatchObject({ ok: true })
        const lax = await openEngine(client(), clock)
        expect(await create(lax, "OLD")).toMatchObject({ ok: true })
        expect(await code(engine.vaults.secrets.release(owner, vault, "OLD", "a.example"))).toBe("ok")
      },
      { requireAllowedDomains: true },
    ),
  )

  it(
    "sharedSuffixes let wildcards cover them, in writing and in releases",
    story(
      async ({ world: { engine, owner, client, clock }, vault }) => {
        const input = { envKey: "PAGES", value: "v", allowedDomains: ["*.GitHub.io"] }
        expect(await code(engine.vaults.secrets.create(owner, vault, input))).toBe("ok")
        expect(await code(engine.vaults.secrets.release(owner, vault, "PAGES", "alice.github.io"))).toBe("ok")
        const strict = await openEngine(client(), clock)
        expect(await code(strict.vaults.secrets.create(owner, vault, { ...input, envKey: "MORE" }))).toBe(
          "INVALID_DOMAIN",
        )
        const releasing = strict.vaults.secrets.release(owner, vault, "PAGES", "alice.github.io")
        expect(await outcomeOf(releasing)).toMatchObject({ details: { reason: "suffix_boundary" } })
      },
      { sharedSuffixes: ["github.io"] },
    ),
  )

  it(
    "wildcard: one-label",
    story(
      async ({ release }) => {
        expect(await code(release("a.example.org"))).toBe("ok")
        expect(await code(release("a.b.example.org"))).toBe("RELEASE_DENIED")
      },
      { wildcard: "one-label" },
    ),
  )
})
