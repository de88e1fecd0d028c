import { randomBytes } from "node:crypto"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { concat, lengthPrefixed, u32 } from "../../src/crypto/bytes.ts"
import { DataKeys } from "../../src/crypto/data-key.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { utf8 } from "../../src/domain/text.ts"
import { nameOf, openRecord } from "../../src/records/sealed-record.ts"
import { splitWorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { timeout } from "../support/runs.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { compartmentKeysOf, placeOf, resealed, workspaceKeysOf } from "./support/insider.ts"
import { withBytes, withChanges } from "./support/tampering.ts"
import { sealUnderTwoKeys } from "./support/two-keys.ts"
import { actOn, healthyWorld, judge, type Outcomes } from "./support/verdict.ts"
import { openEngine, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

let world: World
let before: Outcomes

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
})

const find = (name: string, records: readonly Stored[] = world.records): Stored => {
  const found = records.find((stored) => nameOf(stored) === name)
  if (found === undefined) throw new Error(`${name} is not stored`)
  return found
}

const expectDetected = async (tampered: readonly Stored[]): Promise<void> => {
  const verdict = judge(before, await actOn(world, withChanges(world.records, tampered)), tampered.map(nameOf))
  expect(verdict.wrong).toEqual([])
  expect(verdict.detected).toBeGreaterThan(0)
}

describe("attack 6: a wrapped data key is put in the place of another compartment's", () => {
  const keysetOf = (workspace: string, compartment: string) => find(`${workspace}/keyset/${compartment}`)

  it("by swapping the keysets of any two environments or vaults, of one workspace or of two", async () => {
    const keysets = [world.acme, world.other].flatMap(({ owner, development, production, vault }) =>
      [development.id, production.id, vault].map((compartment) => keysetOf(owner.workspace, compartment)),
    )
    for (const [index, a] of keysets.entries()) {
      for (const b of keysets.slice(index + 1)) {
        await expectDetected([
          { ...a, record: b.record },
          { ...b, record: a.record },
        ])
        await expectDetected([withBytes(a, b.record.bytes), withBytes(b, a.record.bytes)])
      }
    }
  })

  it("by somebody who has the metadata keys: a data key is bound to its compartment twice over", async () => {
    const { owner, development, production } = world.acme
    const { metadata: keys } = await workspaceKeysOf(world.records, owner.workspace)
    const target = keysetOf(owner.workspace, production.id)
    const source = keysetOf(owner.workspace, development.id)
    const body = openRecord(cipher, keys, placeOf(source), source.record.bytes)
    const moved = resealed(target, keys.current, body)
    expect(openRecord(cipher, keys, placeOf(moved), moved.record.bytes)).toEqual(body)
    await expectDetected([moved])
    const metadata = utf8(Buffer.from(body.metadata).toString("utf8").replaceAll(development.id, production.id))
    expect(metadata).not.toEqual(body.metadata)
    await expectDetected([resealed(target, keys.current, { ...body, metadata })])
  })

  it("by putting one workspace's wrapped key before another's sealed keys", async () => {
    const a = find(`${world.acme.owner.workspace}/workspace/keys`)
    const b = find(`${world.other.owner.workspace}/workspace/keys`)
    const prefixOf = (stored: Stored) => splitWorkspaceKeys(placeOf(stored), stored.record.bytes).prefix
    const [prefixA, prefixB] = [prefixOf(a), prefixOf(b)]
    expect(prefixA).not.toEqual(prefixB)
    await expectDetected([withBytes(a, concat(prefixB, a.record.bytes.subarray(prefixA.length)))])
    await expectDetected([withBytes(a, concat(prefixA, b.record.bytes.subarray(prefixB.length)))])
    const directory = find("store/directory/keys")
    await expectDetected([withBytes(a, concat(prefixOf(directory), a.record.bytes.subarray(prefixA.length)))])
  })
})

describe("attack 8: a ciphertext opens under two keys", () => {
  it("only the key that it names is ever tried, and it cannot be given another name", async () => {
    const { owner, vault } = world.acme
    const database = await openDatabase(world.records)
    await using strongroom = await openEngine(database.storage)
    await strongroom.keys.rotate(owner, { vault })
    const keys = await compartmentKeysOf(database.records(), owner.workspace, vault)
    const stored = database.records().find(({ collection }) => collection === `vsecret.${vault}`)
    if (stored === undefined) throw new Error("no secret is stored")
    const place = placeOf(stored)
    const named = keys.find(stored.record.bytes.subarray(2, 18))
    const other = keys.current
    if (named === undefined || named === other) throw new Error("the vault has one key")
    const listed = await strongroom.vaults.secrets.list(owner, vault)

    // The record's own metadata, a value that fills up a block, and two blocks that may be anything.
    const { metadata } = openRecord(cipher, keys, place, stored.record.bytes)
    const body = concat(u32(metadata.length), metadata, new Uint8Array(48 - ((4 + metadata.length) % 16)))
    const header = stored.record.bytes.slice(0, 18)
    const nonce = randomBytes(24)
    const { partition, collection, leaf, revision } = place
    const associatedData = lengthPrefixed("strongroom/v1/record", header, partition, collection, leaf, revision)
    const sealed = sealUnderTwoKeys(named.sealKey, other.sealKey, nonce, body, associatedData)
    const plaintexts = [named, other].map(({ sealKey }) => cipher.open(sealKey, nonce, sealed, associatedData))
    expect(plaintexts.map((plaintext) => plaintext?.length)).toEqual([body.length, body.length])
    expect(plaintexts[0]).not.toEqual(plaintexts[1])

    const bytes = concat(header, nonce, sealed)
    for (const both of [new DataKeys([named, other]), new DataKeys([other, named])]) {
      expect(openRecord(cipher, both, place, bytes).metadata).toEqual(metadata)
    }
    const refusal = { code: "INTEGRITY", details: { record: nameOf(stored) } }
    const opening = (with_: DataKeys, of: Uint8Array) => () => openRecord(cipher, with_, place, of)
    // Not tried: with it the record would open, and to something else.
    expect(opening(new DataKeys([other]), bytes)).toThrow(/names a key that does not belong here/)

    await database.put(withBytes(stored, bytes))
    expect(await strongroom.vaults.secrets.list(owner, vault)).toEqual(listed)
    const renamed = concat(header.subarray(0, 2), other.id, nonce, sealed)
    await database.put(withBytes(stored, renamed))
    await expect(strongroom.vaults.secrets.list(owner, vault)).rejects.toMatchObject(refusal)
  })

  it("a keyset whose key is not the one that it commits to is refused", async () => {
    const { owner, vault } = world.acme
    const stored = find(`${owner.workspace}/keyset/${vault}`)
    const { metadata: keys } = await workspaceKeysOf(world.records, owner.workspace)
    const body = openRecord(cipher, keys, placeOf(stored), stored.record.bytes)
    await expectDetected([resealed(stored, keys.current, { ...body, value: randomBytes(32) })])
    await expectDetected([resealed(stored, keys.current, { ...body, value: body.value.slice(0, 31) })])
    await expectDetected([resealed(stored, keys.current, { ...body, value: concat(body.value, randomBytes(32)) })])
  })
})
