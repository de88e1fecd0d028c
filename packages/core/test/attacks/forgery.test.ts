import { randomBytes } from "node:crypto"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { dataKey } from "../../src/crypto/data-key.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { utf8 } from "../../src/domain/text.ts"
import { nameOf, sealRecord } from "../../src/records/sealed-record.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import { timeout } from "../support/runs.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { compartmentKeysOf, placeOf, storeIdOf, workspaceKeysOf } from "./support/insider.ts"
import { likeOf, withBytes, withChanges } from "./support/tampering.ts"
import { actOn, healthyWorld, judge, type Outcomes } from "./support/verdict.ts"
import { byKind, makeWorld, openEngine, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

let world: World
let before: Outcomes
/** Another store under the same root key. */
let foreign: World

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
  foreign = await makeWorld()
})

const ulid = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
const uuid = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"
const v = 1
const everything = [{ scope: { type: "workspace" }, permission: "admin" }]

interface Forgery {
  readonly collection: string
  readonly leaf: string
  /** What the attacker would like to be believed. */
  readonly metadata: object
  /** A call that meets the record. */
  readonly call: (strongroom: Strongroom) => Promise<unknown>
}

/** At addresses where nothing was. */
const insertions = (): Readonly<Record<string, Forgery>> => {
  const { owner, vault, project, development } = world.acme
  const createdAt = 1
  const times = { createdAt, updatedAt: createdAt }
  const prn = `prn_${ulid}`
  const secret = { id: uuid, name: "EVIL", type: "runtime", dataType: "text", note: "", ...times }
  return {
    "a grant (a principal who may do everything)": {
      collection: "principal",
      leaf: prn,
      metadata: { v, id: prn, name: "evil", grants: everything, createdAt },
      call: ({ secrets }) => secrets.list({ workspace: owner.workspace, id: prn }, { project: project.id }),
    },
    "an API token": {
      collection: "token",
      leaf: `tok_${ulid}`,
      metadata: {
        v,
        id: `tok_${ulid}`,
        hash: "",
        name: "evil",
        grants: everything,
        maker: owner.id,
        createdAt,
        expiresAt: null,
        revokedAt: null,
      },
      call: ({ tokens }) => tokens.verify({ ...owner, token: `tok_${ulid}` }),
    },
    "a vault": {
      collection: "vault",
      leaf: `vlt_${ulid}`,
      metadata: { v, id: `vlt_${ulid}`, name: "evil", description: "", ...times },
      call: ({ vaults }) => vaults.list(owner),
    },
    "a vault secret with allowed_domains of its own": {
      collection: `vsecret.${vault}`,
      leaf: "aAAAAAAAAAAAAAAAAAAAAAA",
      metadata: { v, id: `sec_${ulid}`, vault, envKey: "API_KEY_2", allowedDomains: ["evil.example"], ...times },
      call: ({ vaults }) => vaults.secrets.list(owner, vault),
    },
    "a project": {
      collection: "project",
      leaf: uuid,
      metadata: { v, id: uuid, slug: "evil", name: "evil", team: null, environments: [], createdAt },
      call: ({ projects }) => projects.list(owner),
    },
    "a secret": {
      collection: `secret.${project.id}`,
      leaf: "aAAAAAAAAAAAAAAAAAAAAAA",
      metadata: { v, ...secret, project: project.id, holders: [{ environment: development.id, owner: "" }] },
      call: ({ secrets }) => secrets.list(owner, { project: project.id }),
    },
    "an audit entry": {
      collection: "audit",
      leaf: ulid,
      metadata: {
        v,
        at: 1,
        action: "secret.create",
        principal: owner.id,
        token: null,
        subject: {},
        writer: "",
        sequence: 1,
        previous: "",
        refused: [],
      },
      call: ({ audit }) => audit.list(owner, { limit: 1000 }),
    },
  }
}

const at = (record: { collection: string; leaf: string }, bytes: Uint8Array): Stored => ({
  partition: world.acme.owner.workspace,
  collection: record.collection,
  leaf: record.leaf,
  record: { revision: ulid, bytes },
})

/** Ways to make bytes without the store's keys. `like` is a real record whose header may be copied. */
type Forger = (place: Stored, metadata: object, like: Stored) => Uint8Array

const ownKey = dataKey(randomBytes(32), "strongroom/v1/metadata-key", "attacker")
const sealedWithOwnKey: Forger = (place, metadata) =>
  sealRecord(cipher, ownKey, randomBytes(24), placeOf(place), {
    metadata: utf8(JSON.stringify(metadata)),
    value: new Uint8Array(0),
  })

const forgers: Readonly<Record<string, Forger>> = {
  plaintext: (_, metadata) => utf8(JSON.stringify(metadata)),
  "plaintext behind a real header": (_, metadata, like) =>
    Buffer.concat([like.record.bytes.subarray(0, 42), utf8(JSON.stringify(metadata)), new Uint8Array(16)]),
  "sealed with a key of his own": sealedWithOwnKey,
  "sealed with a key of his own that is said to be the real one": (place, metadata, like) =>
    Buffer.concat([like.record.bytes.subarray(0, 18), sealedWithOwnKey(place, metadata, like).subarray(18)]),
}

describe("attack 10: a record is forged", () => {
  it.for(Object.keys(forgers))("%s: it does not open, wherever it is put", async (how) => {
    const forge = forgers[how]
    if (forge === undefined) throw new Error(how)
    for (const [what, { collection, leaf, metadata, call }] of Object.entries(insertions())) {
      const like = likeOf(world.records, world.acme.owner.workspace, collection)
      const place = at({ collection, leaf }, new Uint8Array(0))
      const forged = withBytes(place, forge(place, metadata, like))
      const database = await openDatabase(withChanges(world.records, [forged]))
      await using strongroom = await openEngine(database.storage)
      await expect(call(strongroom), what).rejects.toMatchObject({
        code: expect.stringMatching(/^(INTEGRITY|FORMAT_UNSUPPORTED)$/),
        details: { record: nameOf(forged) },
      })
    }
  })

  it("sealed with the real keys the same forgeries are believed (so that these tests can fail)", async () => {
    const { owner, vault, project } = world.acme
    const { metadata: metadataKeys, index } = await workspaceKeysOf(world.records, owner.workspace)
    const vaultKeys = await compartmentKeysOf(world.records, owner.workspace, vault)
    for (const [what, { collection, leaf: free, metadata, call }] of Object.entries(insertions())) {
      const keys = collection.startsWith("vsecret") ? vaultKeys : metadataKeys
      const leaf = what === "a secret" ? index.leaf("secret", project.id, "EVIL") : free
      const body = { metadata: utf8(JSON.stringify(metadata)), value: new Uint8Array(0) }
      const empty = at({ collection, leaf }, new Uint8Array(0))
      const sealed = withBytes(empty, sealRecord(cipher, keys.current, randomBytes(24), placeOf(empty), body))
      const database = await openDatabase(withChanges(world.records, [sealed]))
      await using strongroom = await openEngine(database.storage)
      // A secret is believed to exist, and its value found missing.
      if (what === "a secret") await expect(call(strongroom)).rejects.toMatchObject({ details: { name: "EVIL" } })
      else await call(strongroom)
    }
  })

  it("made by another store with the same root key: it does not open, wherever it is put", async () => {
    for (const { collection, leaf, call } of Object.values(insertions())) {
      const { record } = likeOf(foreign.records, foreign.acme.owner.workspace, collection)
      const forged = { ...at({ collection, leaf }, record.bytes), record }
      const database = await openDatabase(withChanges(world.records, [forged]))
      await using strongroom = await openEngine(database.storage)
      await expect(call(strongroom)).rejects.toMatchObject({ code: "INTEGRITY", details: { record: nameOf(forged) } })
    }
  })

  it("any record is replaced by one of its kind from another store with the same root key", async () => {
    const donors = byKind(foreign)
    let detected = 0
    for (const [kind, targets] of byKind(world)) {
      const donor = donors.get(kind)?.[0]
      if (donor === undefined) throw new Error(`no donor of kind ${kind}`)
      for (const stored of targets.slice(0, 3)) {
        const forged = { ...stored, record: donor.record }
        const verdict = judge(before, await actOn(world, withChanges(world.records, [forged])), [nameOf(stored)])
        expect(verdict.wrong, nameOf(stored)).toEqual([])
        detected += verdict.detected
      }
    }
    expect(detected).toBeGreaterThan(100)
  })

  it("a whole workspace of another store with the same root key is moved in: its key does not unwrap", async () => {
    const { owner, project } = foreign.acme
    const moved = foreign.records.filter(({ partition }) => partition === owner.workspace)
    const database = await openDatabase([...world.records, ...moved])
    await using strongroom = await openEngine(database.storage)
    await expect(strongroom.secrets.list(owner, { project: project.id })).rejects.toMatchObject({
      code: "INTEGRITY",
      details: { record: `${owner.workspace}/workspace/keys` },
    })
  })

  it("a second store marker is put beside the first: the store does not open", async () => {
    const marker = foreign.records.filter(({ collection }) => collection === "marker")
    expect(marker.length).toBe(1)
    const database = await openDatabase([...world.records, ...marker])
    await expect(openEngine(database.storage)).rejects.toMatchObject({ code: "INTEGRITY" })
  })

  it("the store's marker is renamed, which changes what the directory's key is wrapped for", async () => {
    const storeId = storeIdOf(world.records)
    const renamed = world.records.map((stored) => (stored.leaf === storeId ? { ...stored, leaf: uuid } : stored))
    const database = await openDatabase(renamed)
    await expect(openEngine(database.storage)).rejects.toMatchObject({ code: "INTEGRITY" })
  })

  it("where a name would stand: making the name fails, instead of saying that it is taken", async () => {
    const database = await openDatabase()
    await using strongroom = await openEngine(database.storage)
    const { owner } = await strongroom.workspaces.create({ slug: "acme", name: "Acme" })
    const vault = await strongroom.vaults.create(owner, { name: "agents" })
    const makeProject = () => strongroom.projects.create(owner, { slug: "shop", name: "Shop" })
    const makeSecret = () => strongroom.vaults.secrets.create(owner, vault.id, { envKey: "API_KEY", value: "x" })
    await makeProject()
    await makeSecret()
    await expect(makeProject()).rejects.toMatchObject({ code: "SLUG_TAKEN" })
    await expect(makeSecret()).rejects.toMatchObject({ code: "SECRET_EXISTS" })
    const names = database.records().filter(({ collection }) => /^(slug|vsecret\..*)$/.test(collection))
    expect(names.length).toBe(2)
    await database.put(...names.map((stored) => withBytes(stored, new Uint8Array(stored.record.bytes).fill(0, -16))))
    await expect(makeProject()).rejects.toMatchObject({ code: "INTEGRITY" })
    await expect(makeSecret()).rejects.toMatchObject({ code: "INTEGRITY" })
  })

  it("NOT detected: a forged record in a vault counts in the secretCount of vaults.list", async () => {
    const { owner, vault } = world.acme
    const forged = at({ collection: `vsecret.${vault}`, leaf: "aAAAAAAAAAAAAAAAAAAAAAA" }, randomBytes(100))
    const database = await openDatabase([...world.records, forged])
    await using strongroom = await openEngine(database.storage)
    const counts = (await strongroom.vaults.list(owner)).map(({ id, secretCount }) => [id, secretCount])
    expect(counts).toContainEqual([vault, 3])
    await expect(strongroom.vaults.secrets.list(owner, vault)).rejects.toThrow()
  })
})
