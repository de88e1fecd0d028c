import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { Grant, Principal } from "../../src/domain/permission.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import { type Database, openDatabase } from "./support/database.ts"
import { openEngine } from "./support/world.ts"

/** Two processes on one store, with warm caches: what one has finished binds whatever the other begins after it. */

let database: Database
let one: Strongroom
let two: Strongroom
let owner: Principal
let environment: string
let vault: string
/** The id of the secret in the vault. */
let warm: string

const everything: readonly Grant[] = [{ scope: { type: "workspace" }, permission: "read-write" }]
const secret = (name: string, value = "x") => ({ name, value, type: "runtime", dataType: "text" }) as const
const create = (engine: Strongroom, name: string, value?: string) =>
  engine.secrets.create(owner, { project: "shop", environments: [environment], secrets: [secret(name, value)] })
const valuesOf = async (engine: Strongroom) =>
  (await engine.secrets.list(owner, { project: "shop" })).map(({ name, values }) => {
    return [name, ...values.map(({ value }) => reveal(value))]
  })

beforeEach(async () => {
  database = await openDatabase()
  one = await openEngine(database.storage)
  two = await openEngine(database.storage)
  owner = (await one.workspaces.create({ slug: "acme", name: "Acme" })).owner
  await one.projects.create(owner, { slug: "shop", name: "Shop" })
  environment = (await one.environments.create(owner, { project: "shop", name: "production" })).id
  vault = (await one.vaults.create(owner, { name: "agents" })).id
  await create(two, "WARM_UP")
  warm = (await two.vaults.secrets.create(owner, vault, { envKey: "WARM_UP", value: "x" })).id
})
afterEach(() => one.close())

const codes = async (calls: readonly Promise<unknown>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(calls)).map((result) =>
    result.status === "fulfilled" ? "ok" : String(Reflect.get(Object(result.reason), "code")),
  )

describe("attack 17: races between two processes", () => {
  it("create and create: of many at once exactly one wins, and its value is the one that is there", async () => {
    const racers = Array.from({ length: 40 }, (_, index) => create(index % 2 ? one : two, "RACE", `of ${index}`))
    const outcomes = await codes(racers)
    expect(outcomes.filter((code) => code === "ok").length).toBe(1)
    expect(new Set(outcomes)).toEqual(new Set(["ok", "SECRET_EXISTS"]))
    const winner = outcomes.indexOf("ok")
    for (const engine of [one, two]) expect(await valuesOf(engine)).toContainEqual(["RACE", `of ${winner}`])
  })

  it("create and create, of every other thing that has a name", async () => {
    const races: Readonly<Record<string, (engine: Strongroom, index: number) => Promise<unknown>>> = {
      SLUG_TAKEN: (engine) => engine.workspaces.create({ slug: "other", name: "Other" }),
      "SLUG_TAKEN ": (engine) => engine.projects.create(owner, { slug: "other", name: "Other" }),
      ENVIRONMENT_EXISTS: (engine) => engine.environments.create(owner, { project: "shop", name: "other" }),
      SECRET_EXISTS: (engine) => engine.vaults.secrets.create(owner, vault, { envKey: "OTHER", value: "x" }),
      TOKEN_EXISTS: (engine) =>
        engine.tokens.issue(owner, { name: "given", grants: everything, token: `ek_live_${"A".repeat(43)}` }),
    }
    for (const [code, race] of Object.entries(races)) {
      const outcomes = await codes(Array.from({ length: 10 }, (_, index) => race(index % 2 ? one : two, index)))
      expect(outcomes.toSorted(), code).toEqual([...Array(9).fill(code.trim()), "ok"])
    }
  })

  it("rotate and write: what is written at the same time is readable, and later writes use the new key", async () => {
    const outcomes = await codes([
      ...Array.from({ length: 10 }, (_, index) => create(index % 2 ? one : two, `KEY_${index}`)),
      ...Array.from({ length: 4 }, (_, index) =>
        (index % 2 ? one : two).keys.rotate(owner, { project: "shop", environment }),
      ),
    ])
    expect(new Set(outcomes)).toEqual(new Set(["ok"]))
    for (const engine of [one, two, await openEngine(database.storage)]) {
      expect((await valuesOf(engine)).length).toBe(11)
    }
    const keyOf = (name: string) => {
      const stored = database.records().filter(({ collection }) => collection.startsWith(name))
      return new Set(stored.map(({ record }) => Buffer.from(record.bytes.subarray(2, 18)).toString("hex")))
    }
    const known = keyOf("value.")
    await one.keys.rotate(owner, { project: "shop", environment })
    await create(two, "AFTER")
    expect(keyOf("value.").size).toBe(known.size + 1)
  })

  it("delete and read: nothing of a removed environment is given out or written, by warm caches either", async () => {
    await one.environments.remove(owner, { project: "shop", environment })
    await expect(two.secrets.list(owner, { project: "shop", environment })).rejects.toMatchObject({
      code: "ENVIRONMENT_NOT_FOUND",
    })
    expect(await valuesOf(two)).toEqual([])
    await expect(create(two, "LATE")).rejects.toMatchObject({ code: "ENVIRONMENT_NOT_FOUND" })
    expect(database.records().filter(({ collection }) => collection === `value.${environment}`)).toEqual([])
  })

  it("delete and write at the same time: a value is either refused or gone, never left behind readable", async () => {
    const writes = Array.from({ length: 20 }, (_, index) => create(index % 2 ? one : two, `KEY_${index}`))
    const [removed, ...written] = await codes([
      one.environments.remove(owner, { project: "shop", environment }),
      ...writes,
    ])
    expect(removed).toBe("ok")
    expect([...new Set(written)].every((code) => ["ok", "ENVIRONMENT_NOT_FOUND"].includes(code))).toBe(true)
    expect(await valuesOf(two)).toEqual([])
    expect(database.find(`${owner.workspace}/keyset/${environment}`)).toBeUndefined()
  })

  it("removing a vault and writing into it: it is either kept with the secret, or gone and the secret refused", async () => {
    for (let round = 0; round < 10; round++) {
      const { id } = await one.vaults.create(owner, { name: `round ${round}` })
      const [removal, write] = await codes([
        one.vaults.remove(owner, id),
        two.vaults.secrets.create(owner, id, { envKey: "KEY", value: "x" }),
      ])
      const left = database.records().filter(({ collection }) => collection === `vsecret.${id}`).length
      expect([`${removal} ${write} ${left}`]).toEqual(
        expect.arrayContaining([
          expect.toBeOneOf(["ok VAULT_NOT_FOUND 0", "VAULT_NOT_EMPTY ok 1", "STORAGE_BUSY ok 1"]),
        ]),
      )
    }
  })

  it("revoke and use: a revocation binds every request that begins after it", async () => {
    const issued = await one.tokens.issue(owner, { name: "deploy", grants: everything })
    const bearer = await two.tokens.identify(issued.token)
    if (bearer === undefined) throw new Error("the token is not known")
    await two.secrets.list(bearer, { project: "shop" })
    await one.tokens.revoke(owner, issued.id)
    const uses: readonly (() => Promise<unknown>)[] = [
      () => two.tokens.verify(bearer),
      () => two.secrets.list(bearer, { project: "shop" }),
      () => two.secrets.get(bearer, { project: "shop", name: "WARM_UP" }),
      () => two.secrets.create(bearer, { project: "shop", environments: [environment], secrets: [secret("LATE")] }),
      () => two.vaults.secrets.list(bearer, vault),
      () => two.vaults.secrets.release(bearer, vault, "WARM_UP", "a.example"),
      () => two.vaults.secrets.update(bearer, vault, warm, {}),
      () => two.vaults.secrets.remove(bearer, vault, warm),
      () => two.vaults.list(bearer),
      () => two.environments.list(bearer, { project: "shop" }),
      () => two.projects.list(bearer),
      () => two.tokens.list(bearer),
    ]
    for (const use of uses) await expect(use()).rejects.toMatchObject({ code: "UNAUTHENTICATED" })
  })

  it("taking grants away and use: the token's maker bounds it from then on", async () => {
    const admin = [{ scope: { type: "workspace" }, permission: "admin" }] as const
    const { id } = await one.principals.create(owner, { name: "maker", grants: admin })
    const maker = { workspace: owner.workspace, id }
    const issued = await one.tokens.issue(maker, { name: "deploy", grants: everything })
    const bearer = await two.tokens.identify(issued.token)
    if (bearer === undefined) throw new Error("the token is not known")
    const write = (name: string) =>
      two.secrets.create(bearer, { project: "shop", environments: [environment], secrets: [secret(name)] })
    await write("BEFORE")
    await one.principals.setGrants(owner, id, [{ scope: { type: "workspace" }, permission: "read" }])
    await expect(write("AFTER")).rejects.toMatchObject({ code: "FORBIDDEN" })
    await one.principals.setGrants(owner, id, [])
    await expect(write("LAST")).rejects.toMatchObject({ code: "PROJECT_NOT_FOUND" })
  })
})
