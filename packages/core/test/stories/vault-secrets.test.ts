import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { VaultSecret, VaultSecretChanges } from "../../src/domain/model.ts"
import type { Permission, Principal } from "../../src/domain/permission.ts"
import type { Strongroom, StrongroomOptions } from "../../src/strongroom.ts"
import { memory } from "../support/backend.ts"
import { openEngine } from "../support/engine.ts"
import { intercept } from "../support/intercept.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { inWorld, type World } from "../support/world.ts"

const code = async (call: Promise<unknown>) => codeOf(await outcomeOf(call))

interface Stage extends World {
  readonly vault: string
  readonly made: VaultSecret
  readonly secrets: Strongroom["vaults"]["secrets"]
  readonly update: (changes: VaultSecretChanges, principal?: Principal) => Promise<VaultSecret>
  readonly valueFor: (host: string) => Promise<string>
  readonly actions: () => Promise<readonly string[]>
  readonly holding: (permission: Permission) => Principal
}

/** A vault with a secret for `api.example.com` and `*.example.org`. */
const story =
  (use: (stage: Stage) => Promise<void>, options: Partial<StrongroomOptions> = {}) =>
  (): Promise<void> =>
    inWorld(memory, 0, async (world) => {
      const { owner, workspace, clock, client } = world
      const engine = await openEngine(client(), clock, options)
      const { secrets } = engine.vaults
      const { id: vault } = await engine.vaults.create(owner, { name: "agents" })
      const allowedDomains = ["api.example.com", "*.example.org"]
      const made = await secrets.create(owner, vault, { envKey: "API_KEY", value: "first", allowedDomains })
      clock.advance(5_000)
      await use({
        ...world,
        engine,
        vault,
        made,
        secrets,
        update: (changes, principal = owner) => secrets.update(principal, vault, made.id, changes),
        valueFor: async (host) => reveal((await secrets.release(owner, vault, made.envKey, host)).value),
        actions: async () => (await engine.audit.list(owner)).entries.map(({ action }) => action),
        holding: (permission) => ({
          workspace,
          id: "host",
          grants: [{ scope: { type: "vault", vault }, permission }],
        }),
      })
    })

describe("updating a vault secret", () => {
  it(
    "gives it a new value, new domains or both, and leaves the rest",
    story(async ({ update, secrets, owner, vault, made, valueFor, clock }) => {
      const first = await update({ value: "second" })
      expect(first).toEqual({ ...made, updatedAt: new Date(clock.currentTimeMillisUnsafe()) })
      expect(first.updatedAt).not.toEqual(made.updatedAt)
      expect(await valueFor("api.example.com")).toBe("second")

      const second = await update({ allowedDomains: ["API.example.net.", "api.example.net"] })
      expect(second).toEqual({ ...first, allowedDomains: ["api.example.net"] })
      expect(await valueFor("api.example.net")).toBe("second")
      expect(await code(valueFor("api.example.com"))).toBe("RELEASE_DENIED")

      await update({ value: "third", allowedDomains: [] })
      expect(await valueFor("anything.example")).toBe("third")
      expect(await secrets.list(owner, vault)).toEqual([{ ...second, allowedDomains: [] }])
    }),
  )

  it.each<[string, VaultSecretChanges]>([
    ["nothing", {}],
    ["the same value", { value: "first" }],
    ["the same domains in other letters", { allowedDomains: ["API.example.COM.", "*.Example.org", "*.example.org"] }],
    ["both as they are", { value: "first", allowedDomains: ["api.example.com", "*.example.org"] }],
  ])("to %s writes nothing: no time, no audit entry", (_, changes) =>
    story(async ({ update, made, valueFor, actions, census }) => {
      const before = [await actions(), await census.revisions()]
      expect(await update(changes)).toEqual(made)
      expect([await actions(), await census.revisions()]).toEqual(before)
      expect(await valueFor("api.example.com")).toBe("first")
    })(),
  )

  it.each<[string, VaultSecretChanges, string, object]>([
    ["a value", { value: "v" }, "update", { changed: ["value"] }],
    ["fewer domains", { allowedDomains: ["api.example.com"] }, "update", { changed: ["allowedDomains"] }],
    ["another order", { allowedDomains: ["*.example.org", "api.example.com"] }, "update", {}],
    ["a part of a wildcard", { allowedDomains: ["api.example.com", "*.eu.example.org"] }, "update", {}],
    ["another domain", { allowedDomains: ["api.example.com", "evil.com"] }, "widen", { changed: ["allowedDomains"] }],
    ["a wider wildcard", { allowedDomains: ["*.example.com", "*.example.org"] }, "widen", {}],
    ["an apex", { allowedDomains: ["api.example.com", "*.example.org", "example.org"] }, "widen", {}],
    ["no restriction", { allowedDomains: [] }, "widen", { allowedDomains: [] }],
    [
      "value and domain",
      { value: "v", allowedDomains: ["b.example"] },
      "widen",
      { changed: ["value", "allowedDomains"] },
    ],
  ])("with %s is audited as one entry that tells widening from other changes", (_, changes, action, told) =>
    story(async ({ engine, owner, update, actions, made, vault }) => {
      const before = (await actions()).length
      const { allowedDomains } = await update(changes)
      const entries = (await engine.audit.list(owner)).entries.slice(before)
      const domains = changes.allowedDomains ? { before: made.allowedDomains, allowedDomains } : {}
      expect(entries).toMatchObject([
        {
          action: `vault-secret.${action}`,
          subject: { vault, secret: made.id, envKey: "API_KEY", ...domains, ...told },
        },
      ])
    })(),
  )

  it(
    "is widening under the engine's own reading of wildcards",
    story(
      async ({ update, actions }) => {
        await update({ allowedDomains: ["*.eu.example.org"] })
        expect((await actions()).at(-1)).toBe("vault-secret.widen")
      },
      { wildcard: "one-label" },
    ),
  )

  it(
    "needs read-write on the vault",
    story(async ({ update, holding, made, vault, secrets, workspace }) => {
      for (const permission of ["use", "read"] as const) {
        expect(await code(update({ value: "v" }, holding(permission)))).toBe("FORBIDDEN")
        // Not even to learn that nothing would change.
        expect(await code(update({ value: "first" }, holding(permission)))).toBe("FORBIDDEN")
        expect(await code(secrets.remove(holding(permission), vault, made.id))).toBe("FORBIDDEN")
      }
      const nobody: Principal = { workspace, id: "host", grants: [] }
      expect(await code(update({ value: "v" }, nobody))).toBe("VAULT_NOT_FOUND")
      expect(await code(secrets.remove(nobody, vault, made.id))).toBe("VAULT_NOT_FOUND")
      expect(await code(update({ value: "v" }, holding("read-write")))).toBe("ok")
    }),
  )

  it(
    "refuses what creating refuses, and writes nothing then",
    story(async ({ secrets, owner, vault, made, actions }) => {
      const before = await actions()
      const untyped = (changes: object) => code(secrets.update(owner, vault, made.id, changes))
      expect(await untyped({ value: "" })).toBe("INVALID_INPUT")
      expect(await untyped({ value: null })).toBe("INVALID_INPUT")
      expect(await untyped({ value: "\uD800" })).toBe("INVALID_INPUT")
      expect(await untyped({ allowedDomains: null })).toBe("INVALID_INPUT")
      expect(await untyped({ allowedDomains: ["*.com"] })).toBe("INVALID_DOMAIN")
      expect(await code(secrets.update(owner, vault, "sec_x", {}))).toBe("INVALID_INPUT")
      expect(await actions()).toEqual(before)
    }),
  )

  it(
    "finds a secret in its own vault only",
    story(async ({ engine, owner, secrets, made }) => {
      const { id: other } = await engine.vaults.create(owner, { name: "other" })
      const unknown = "sec_01ARZ3NDEKTSV4RRFFQ69G5FAV"
      for (const id of [made.id, unknown]) {
        expect(await code(secrets.update(owner, other, id, { value: "v" }))).toBe("SECRET_NOT_FOUND")
        expect(await code(secrets.remove(owner, other, id))).toBe("SECRET_NOT_FOUND")
      }
    }),
  )

  it(
    "leaves no secret without domains where the engine requires some",
    story(
      async ({ client, clock, owner, vault, secrets, update, made }) => {
        expect(await outcomeOf(update({ allowedDomains: [] }))).toMatchObject({ details: { path: "allowedDomains" } })
        const lax = await openEngine(client(), clock)
        await lax.vaults.secrets.update(owner, vault, made.id, { allowedDomains: [] })
        expect(await code(update({}))).toBe("ok")
        expect(await outcomeOf(update({ value: "v" }))).toMatchObject({ details: { path: "allowedDomains" } })
        expect(await code(secrets.update(owner, vault, made.id, { value: "v", allowedDomains: ["a.example"] }))).toBe(
          "ok",
        )
      },
      { requireAllowedDomains: true },
    ),
  )

  it(
    "uses the vault's present key",
    story(async ({ engine, owner, vault, update, valueFor }) => {
      await engine.keys.rotate(owner, { vault })
      await update({ allowedDomains: ["a.example"] })
      expect(await valueFor("a.example")).toBe("first")
      await engine.keys.rotate(owner, { vault })
      expect(await valueFor("a.example")).toBe("first")
    }),
  )

  it(
    "never seals with a key that was rotated away between its read and its commit",
    story(async ({ engine, owner, vault, made, store, client, clock, workspace, valueFor }) => {
      const sealedWith = async () => {
        const { records } = await store.open().list(workspace, `vsecret.${vault}`, { limit: 2, maxBytes: 1 << 20 })
        // docs/record-format.md: version, suite, key id.
        return records.map(({ record }) => Buffer.from(record.bytes.subarray(2, 18)).toString("hex"))
      }
      let due = false
      const rotatedUnder = intercept(client(), {
        async before({ kind }) {
          if (kind !== "commit" || !due) return
          due = false
          await engine.keys.rotate(owner, { vault })
        },
      })
      const { secrets } = (await openEngine(rotatedUnder, clock)).vaults
      const before = await sealedWith()
      due = true
      await secrets.update(owner, vault, made.id, { value: "second" })
      expect(due).toBe(false)
      const after = await sealedWith()
      expect(after).not.toEqual(before)
      await secrets.update(owner, vault, made.id, { value: "third" })
      expect(await sealedWith()).toEqual(after)
      expect(await valueFor("api.example.com")).toBe("third")
    }),
  )
})

describe("removing a vault secret", () => {
  it(
    "leaves nothing of it, frees its env_key and lets the vault be removed",
    story(async ({ engine, owner, vault, made, secrets, census, workspace, actions }) => {
      expect(await code(engine.vaults.remove(owner, vault))).toBe("VAULT_NOT_EMPTY")
      await secrets.remove(owner, vault, made.id)
      expect((await engine.audit.list(owner)).entries.at(-1)).toMatchObject({
        action: "vault-secret.remove",
        subject: { vault, secret: made.id, envKey: "API_KEY" },
      })
      expect(await secrets.list(owner, vault)).toEqual([])
      expect(await code(secrets.release(owner, vault, "API_KEY", "api.example.com"))).toBe("SECRET_NOT_FOUND")
      expect(await code(secrets.update(owner, vault, made.id, { value: "v" }))).toBe("SECRET_NOT_FOUND")
      expect(await code(secrets.remove(owner, vault, made.id))).toBe("SECRET_NOT_FOUND")
      const counts = await census.counts(workspace)
      expect([counts[`vsecret.${vault}`], counts["vsecret-id"]]).toEqual([undefined, undefined])

      const again = await secrets.create(owner, vault, { envKey: "API_KEY", value: "again" })
      expect(again.id).not.toBe(made.id)
      await secrets.remove(owner, vault, again.id)
      await engine.vaults.remove(owner, vault)
      expect((await actions()).slice(-2)).toEqual(["vault.close", "vault.remove"])
    }),
  )
})
