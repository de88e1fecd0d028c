import { beforeEach, describe, expect, it } from "vitest"
import type { Principal } from "../../src/domain/permission.ts"
import { nameOf } from "../../src/records/sealed-record.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import { type Database, openDatabase, type Stored } from "./support/database.ts"
import { withBytes } from "./support/tampering.ts"
import { openEngine } from "./support/world.ts"

let database: Database
let strongroom: Strongroom
let owner: Principal
let vault: string

beforeEach(async () => {
  database = await openDatabase()
  strongroom = await openEngine(database.storage)
  owner = (await strongroom.workspaces.create({ slug: "acme", name: "Acme" })).owner
  vault = (await strongroom.vaults.create(owner, { name: "agents" })).id
})

const find = (name: string): Stored => {
  const found = database.find(`${owner.workspace}/${name}`)
  if (found === undefined) throw new Error(`${name} is not stored`)
  return found
}

const everything = [{ scope: { type: "workspace" }, permission: "admin" }] as const

describe("attack 3: an older version of one record is put back", () => {
  it("under the present revision it does not open: a revoked token, taken grants, a keyset before its rotation", async () => {
    const member = await strongroom.principals.create(owner, { name: "member", grants: everything })
    const token = await strongroom.tokens.issue(owner, { name: "deploy", grants: everything })
    const bearer = { ...owner, token: token.id }
    const names = [`principal/${member.id}`, `token/${token.id}`, `keyset/${vault}`]
    const old = names.map(find)
    await strongroom.principals.setGrants(owner, member.id, [])
    await strongroom.tokens.revoke(owner, token.id)
    await strongroom.keys.rotate(owner, { vault })
    const calls: readonly (() => Promise<unknown>)[] = [
      () => strongroom.projects.list({ workspace: owner.workspace, id: member.id }),
      () => strongroom.tokens.verify(bearer),
      () => strongroom.vaults.secrets.list(owner, vault),
    ]
    for (const [index, name] of names.entries()) {
      const [was, is] = [old[index], find(name)]
      if (was === undefined) throw new Error("unreachable")
      expect(was.record.revision).not.toBe(is.record.revision)
      await database.put(withBytes(is, was.record.bytes))
      const refusal = { code: "INTEGRITY", details: { record: nameOf(is) } }
      await expect(calls[index]?.()).rejects.toMatchObject(refusal)
    }
  })

  it("a keyset under its own old revision: noticed by every process that has seen the newer one", async () => {
    await strongroom.vaults.secrets.create(owner, vault, { envKey: "KEY", value: "x" })
    const old = find(`keyset/${vault}`)
    await strongroom.keys.rotate(owner, { vault })
    await strongroom.vaults.secrets.list(owner, vault)
    await database.put(old)
    const refusal = { code: "KEYSET_ROLLED_BACK", details: { record: nameOf(old) } }
    await expect(strongroom.vaults.secrets.list(owner, vault)).rejects.toMatchObject(refusal)
    await expect(strongroom.vaults.secrets.create(owner, vault, { envKey: "NEW", value: "x" })).rejects.toMatchObject(
      refusal,
    )
    await expect(strongroom.keys.rotate(owner, { vault })).rejects.toMatchObject(refusal)
  })

  it("NOT detected (a later goal): any other record under its own old revision, a revoked token too", async () => {
    const token = await strongroom.tokens.issue(owner, { name: "deploy", grants: everything })
    const old = find(`token/${token.id}`)
    await strongroom.tokens.revoke(owner, token.id)
    const bearer = { ...owner, token: token.id }
    await expect(strongroom.tokens.verify(bearer)).rejects.toMatchObject({ code: "UNAUTHENTICATED" })
    await database.put(old)
    await strongroom.tokens.verify(bearer)
  })

  it("a token's expiry lies inside the record: an older version does not outlive it", async () => {
    const expiresAt = new Date(Date.now() - 1)
    const token = await strongroom.tokens.issue(owner, { name: "deploy", grants: everything, expiresAt })
    const old = find(`token/${token.id}`)
    await strongroom.tokens.revoke(owner, token.id)
    await database.put(old)
    await expect(strongroom.tokens.verify({ ...owner, token: token.id })).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      message: expect.stringContaining("expired"),
    })
  })
})
