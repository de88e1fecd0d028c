import fc from "fast-check"
import { beforeAll, describe, expect, it, vi } from "vitest"
import type { ErrorCode } from "../../src/domain/errors.ts"
import { nameOf } from "../../src/records/sealed-record.ts"
import { check, timeout } from "../support/runs.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { actOn, healthyWorld, isDetection, type Outcomes } from "./support/verdict.ts"
import { byKind, openEngine, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

const slow = process.env["STRONGROOM_SLOW"] === "1"

let world: World
let before: Outcomes

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
})

const without = (...gone: readonly Stored[]): readonly Stored[] =>
  world.records.filter((stored) => !gone.includes(stored))

const ofKind = (kind: string): readonly Stored[] => {
  const found = byKind(world).get(kind) ?? []
  if (found.length === 0) throw new Error(`no ${kind} is stored`)
  return found
}

/** The calls that end in another way than before, and how. */
const changed = (after: Outcomes) =>
  Object.entries(after).flatMap(([call, outcome]) => {
    const was = before[call]
    if (was !== undefined && "answer" in was && "answer" in outcome && was.answer === outcome.answer) return []
    return [{ call: call.replace(/^(acme|other): /, ""), was, outcome }]
  })

/**
 * What the deletion of a whole thing does today: calls that name it say that it is not there, and these lists and
 * look-ups lack it. That it was there once is noticed by nobody: a later goal.
 */
const undetected: Readonly<
  Record<string, { readonly codes: readonly ErrorCode[]; readonly lacking: readonly string[] }>
> = {
  "dir/receipt": { codes: [], lacking: [] },
  "dir/token": { codes: [], lacking: ["tokens.identify"] },
  "dir/workspace-slug": { codes: [], lacking: ["workspaces.find by slug"] },
  "store/receipt": { codes: [], lacking: [] },
  "workspace/audit": { codes: [], lacking: ["audit.list"] },
  "workspace/env": { codes: ["ENVIRONMENT_NOT_FOUND"], lacking: [] },
  "workspace/principal": { codes: ["UNAUTHENTICATED", "PRINCIPAL_NOT_FOUND"], lacking: [] },
  "workspace/project": { codes: ["PROJECT_NOT_FOUND"], lacking: ["projects.list"] },
  "workspace/secret": {
    codes: ["SECRET_NOT_FOUND"],
    lacking: ["secrets.list", "secrets.list in development", "secrets.list in production"],
  },
  "workspace/secret-id": { codes: [], lacking: [] },
  "workspace/slug": { codes: ["PROJECT_NOT_FOUND"], lacking: [] },
  "workspace/token": { codes: ["UNAUTHENTICATED", "TOKEN_NOT_FOUND"], lacking: ["tokens.list"] },
  "workspace/vault": { codes: ["VAULT_NOT_FOUND"], lacking: ["vaults.list"] },
  // That one is missing is noticed by a change of it, which begins at its pointer.
  "workspace/vsecret": {
    codes: ["SECRET_NOT_FOUND", "INTEGRITY"],
    lacking: ["vaults.list", "vaults.secrets.list"],
  },
  "workspace/vsecret-id": { codes: ["SECRET_NOT_FOUND"], lacking: [] },
  "workspace/workspace/info": {
    codes: ["WORKSPACE_NOT_FOUND"],
    lacking: ["workspaces.find by slug", "workspaces.find by id"],
  },
}

/** Whose deletion is always noticed. */
const detected = ["store/directory", "store/marker", "workspace/keyset", "workspace/value", "workspace/workspace/keys"]

describe("attack 9: records are deleted", () => {
  it("every kind of record is dealt with here", () => {
    expect([...detected, ...Object.keys(undetected)].sort()).toEqual([...byKind(world).keys()].sort())
  })

  it.for(detected)("%s: noticed by every call that needs it, whole lists fail, nothing else changes", async (kind) => {
    for (const stored of ofKind(kind)) {
      const changes = changed(await actOn(world, without(stored)))
      expect(changes.length, nameOf(stored)).toBeGreaterThan(0)
      for (const { call, outcome } of changes) {
        expect(isDetection(outcome), `${call} without ${nameOf(stored)}: ${JSON.stringify(outcome)}`).toBe(true)
      }
    }
  })

  it("a missing value is noticed by the secret's own read, by every list it belongs to, and named", async () => {
    const { owner, production } = world.acme
    const values = ofKind("workspace/value").filter(({ collection, partition }) => {
      return partition === owner.workspace && collection === `value.${production.id}`
    })
    expect(values.length).toBe(3)
    for (const stored of values) {
      const changes = changed(await actOn(world, without(stored)))
      const calls = changes.map(({ call }) => call)
      expect(calls).toContain("secrets.list")
      expect(calls).toContain("secrets.list in production")
      expect(calls).not.toContain("secrets.list in development")
      expect(calls.some((call) => call.startsWith("secrets.get"))).toBe(true)
      for (const { outcome } of changes) {
        expect(outcome).toMatchObject({ error: { code: "INTEGRITY", details: { name: expect.any(String) } } })
      }
    }
  })

  it("a missing keyset is never made anew", async () => {
    const { owner, development, vault } = world.acme
    for (const compartment of [development.id, vault]) {
      const name = `${owner.workspace}/keyset/${compartment}`
      const database = await openDatabase(world.records.filter((stored) => nameOf(stored) !== name))
      await using strongroom = await openEngine(database.storage)
      const secret = { name: "NEW_KEY", value: "new", type: "runtime", dataType: "text" } as const
      const isVault = compartment === vault
      const calls = isVault
        ? [
            () => strongroom.vaults.secrets.create(owner, vault, { envKey: "NEW_KEY", value: "new" }),
            () => strongroom.keys.rotate(owner, { vault }),
            () => strongroom.vaults.remove(owner, vault),
          ]
        : [
            () => strongroom.secrets.create(owner, { project: "shop", environments: [compartment], secrets: [secret] }),
            () => strongroom.keys.rotate(owner, { project: "shop", environment: compartment }),
          ]
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "KEYSET_MISSING" })
      expect(database.find(name)).toBeUndefined()
    }
  })

  it.for(Object.entries(undetected))(
    "%s: no crash, and nothing is served in its place (that the whole thing is gone is not detected)",
    async ([kind, { codes, lacking }]) => {
      const seen = new Set<string>()
      for (const stored of slow ? ofKind(kind) : ofKind(kind).slice(0, 4)) {
        for (const { call, was, outcome } of changed(await actOn(world, without(stored)))) {
          if ("error" in outcome) expect(codes, `${call} without ${nameOf(stored)}`).toContain(outcome.error.code)
          else {
            expect(lacking).toContain(call)
            expect("answer" in outcome && was !== undefined && "answer" in was, `${call}: untyped`).toBe(true)
            if ("answer" in outcome && was !== undefined && "answer" in was) expectLess(was.answer, outcome.answer)
          }
          seen.add("error" in outcome ? outcome.error.code : call)
        }
      }
      expect([...seen].sort()).toEqual([...codes, ...lacking].sort())
    },
  )

  it("values whose secret's guard is deleted: the secret is gone unnoticed, and noticed when it is made again", async () => {
    const { owner, development, production, project } = world.acme
    for (const guard of ofKind("workspace/secret").filter(({ partition }) => partition === owner.workspace)) {
      const database = await openDatabase(without(guard))
      await using strongroom = await openEngine(database.storage)
      const listed = await strongroom.secrets.list(owner, { project: project.id })
      expect(listed.length).toBe(2)
      const names = ["DATABASE_URL", "SMTP_PASSWORD", "STRIPE_KEY"]
      const name = names.find((candidate) => listed.every((secret) => secret.name !== candidate)) ?? ""
      const environments = [development.id, production.id]
      const create = strongroom.secrets.create(owner, {
        project: "shop",
        environments,
        secrets: [{ name, value: "new", type: "runtime", dataType: "text" }],
      })
      await expect(create).rejects.toMatchObject({ code: "INTEGRITY", details: { name } })
    }
  })

  it("any records: every call answers, or fails with an error of ours", async () => {
    const allowed = new Set<string>(Object.values(undetected).flatMap(({ codes }) => codes))
    const lists = new Set(Object.values(undetected).flatMap(({ lacking }) => lacking))
    await check(
      fc.asyncProperty(fc.subarray([...world.records], { minLength: 1 }), async (gone) => {
        for (const { call, outcome } of changed(await actOn(world, without(...gone)))) {
          const fine = "error" in outcome ? isDetection(outcome) || allowed.has(outcome.error.code) : lists.has(call)
          expect(fine, `${call}: ${JSON.stringify(outcome)}`).toBe(true)
        }
      }),
      60,
    )
  })
})

/** An answer that is nothing, or a list that lacks one entry, or (of vaults) counts one secret less. */
const expectLess = (was: string, is: string): void => {
  if (is === "nothing") return
  const entriesOf = (answer: string): readonly unknown[] => {
    const parsed: unknown = JSON.parse(answer.replace(/"secretCount":\d+,/g, ""))
    if (Array.isArray(parsed)) return parsed
    if (typeof parsed === "object" && parsed !== null && "entries" in parsed && Array.isArray(parsed.entries)) {
      return parsed.entries
    }
    throw new Error(`no list: ${answer}`)
  }
  const [all, left] = [entriesOf(was), entriesOf(is)]
  for (const entry of left) expect(all).toContainEqual(entry)
  expect(all.length - left.length).toBe(was.includes("secretCount") && all.length === left.length ? 0 : 1)
}
