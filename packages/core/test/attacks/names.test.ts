import { createHash } from "node:crypto"
import { beforeAll, describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import { nameOf } from "../../src/records/sealed-record.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { findIn, needlesOf } from "./support/needles.ts"
import { openEngine } from "./support/world.ts"

/** What people have named and written; ASCII, and long enough not to turn up by chance. */
const words = {
  workspaceSlug: "ws_penguin",
  workspaceName: "Penguin Incorporated",
  ownerName: "Olga Owner",
  principalName: "Paul Principal",
  projectSlug: "prj_walrus",
  projectName: "Project Walrus",
  environmentName: "env-seaside",
  otherEnvironment: "env-mountain",
  secretName: "SECRET_OF_THE_SEA",
  secretNote: "note about the lighthouse",
  secretValue: "value: herring and cod",
  vaultName: "vault of corals",
  vaultDescription: "what the divers may use",
  envKey: "ENV_KEY_OF_CORALS",
  vaultValue: "value: pearls and amber",
  domain: "harbour.example.com",
  tokenName: "token for divers",
}

let records: readonly Stored[]
let token: string
let environments: readonly string[]

beforeAll(async () => {
  const database = await openDatabase()
  await using strongroom = await openEngine(database.storage, { audit: { reads: true } })
  const w = words
  const { owner } = await strongroom.workspaces.create({
    slug: w.workspaceSlug,
    name: w.workspaceName,
    owner: w.ownerName,
  })
  const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const
  await strongroom.principals.create(owner, { name: w.principalName, grants })
  await strongroom.projects.create(owner, { slug: w.projectSlug, name: w.projectName })
  const environment = async (name: string) =>
    (await strongroom.environments.create(owner, { project: w.projectSlug, name })).id
  environments = [await environment(w.environmentName), await environment(w.otherEnvironment)]
  await strongroom.secrets.create(owner, {
    project: w.projectSlug,
    environments,
    secrets: [{ name: w.secretName, value: w.secretValue, note: w.secretNote, type: "runtime", dataType: "text" }],
  })
  const vault = await strongroom.vaults.create(owner, { name: w.vaultName, description: w.vaultDescription })
  await strongroom.vaults.secrets.create(owner, vault.id, {
    envKey: w.envKey,
    value: w.vaultValue,
    allowedDomains: [w.domain, `*.${w.domain}`],
  })
  token = reveal((await strongroom.tokens.issue(owner, { name: w.tokenName, grants })).token)
  await strongroom.secrets.list(owner, { project: w.projectSlug })
  await strongroom.secrets.get(owner, { project: w.projectSlug, name: w.secretName })
  records = database.records()
})

/** All that the database shows of a record: its address (also with base64url undone), its revision, its bytes. */
const shownOf = (stored: Stored): readonly Uint8Array[] => [
  Buffer.from(`${nameOf(stored)} ${stored.record.revision}`),
  Buffer.from(stored.leaf.slice(1), "base64url"),
  stored.record.bytes,
]

const leaksOf = (text: string): readonly string[] => {
  const needles = needlesOf(text)
  return records.flatMap((stored) =>
    shownOf(stored).flatMap((bytes) => findIn(bytes, needles).map((encoding) => `${nameOf(stored)}: ${encoding}`)),
  )
}

describe("attack 13: names are read from the database", () => {
  it.for(Object.entries(words))("%s is nowhere, in no encoding", ([, text]) => {
    expect(records.length).toBeGreaterThan(30)
    expect(leaksOf(text)).toEqual([])
    expect(leaksOf(text.toLowerCase())).toEqual([])
    expect(leaksOf(text.toUpperCase())).toEqual([])
  })

  it("neither is the API token, nor its hash", () => {
    expect(leaksOf(token)).toEqual([])
    const hash = createHash("sha256").update(token).digest()
    expect(records.some(({ record }) => Buffer.from(record.bytes).includes(hash))).toBe(false)
    expect(leaksOf(hash.toString("hex"))).toEqual([])
    expect(leaksOf(hash.toString("base64url"))).toEqual([])
  })

  it("nor any name's plain hash, which a dictionary would undo", () => {
    for (const text of Object.values(words)) {
      for (const algorithm of ["md5", "sha1", "sha256", "sha512"]) {
        const digest = createHash(algorithm).update(text).digest().subarray(0, 16)
        for (const stored of records) {
          const found = shownOf(stored).some((bytes) => Buffer.from(bytes).includes(digest))
          expect(found, `${algorithm} of ${text} in ${nameOf(stored)}`).toBe(false)
        }
      }
    }
  })

  it("one name in two environments has two addresses that tell nothing of each other", () => {
    const leaves = environments.map((id) => records.filter(({ collection }) => collection === `value.${id}`))
    expect(leaves.map(({ length }) => length)).toEqual([1, 1])
    expect(leaves[0]?.[0]?.leaf).not.toBe(leaves[1]?.[0]?.leaf)
    const blind = records.filter(({ leaf }) => /^a[A-Za-z0-9_-]{22}$/.test(leaf)).map(({ leaf }) => leaf)
    expect(blind.length).toBeGreaterThanOrEqual(7)
    expect(new Set(blind).size).toBe(blind.length)
  })

  it("the same names in another store have other addresses", async () => {
    const database = await openDatabase()
    await using strongroom = await openEngine(database.storage)
    await strongroom.workspaces.create({ slug: words.workspaceSlug, name: words.workspaceName })
    const slugOf = (stored: readonly Stored[]) => stored.find(({ collection }) => collection === "workspace-slug")?.leaf
    expect(slugOf(database.records())).not.toBe(slugOf(records))
  })

  it("a value's length is not hidden (padding is a later goal)", () => {
    const lengths = records
      .filter(({ collection }) => /^value\./.test(collection))
      .map(({ record }) => record.bytes.length)
    expect(lengths.every((length) => length > words.secretValue.length)).toBe(true)
    expect(new Set(lengths).size).toBe(1)
  })
})
