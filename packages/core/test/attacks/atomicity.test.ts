import { describe, expect, it } from "vitest"
import { reveal } from "../../src/domain/fields.ts"
import type { Principal } from "../../src/domain/permission.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import { type Database, openDatabase } from "./support/database.ts"
import { openEngine } from "./support/world.ts"

const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const
const text = { value: "x", type: "runtime", dataType: "text" } as const

interface Stage {
  readonly strongroom: Strongroom
  readonly owner: Principal
  readonly environments: readonly string[]
  readonly vault: string
  readonly vaultSecret: string
  readonly emptyVault: string
  readonly member: string
  readonly tokenId: string
  readonly token: string
}

const setUp = async (): Promise<Stage & { readonly database: Database }> => {
  const database = await openDatabase()
  const strongroom = await openEngine(database.storage, { audit: { reads: true } })
  const { owner } = await strongroom.workspaces.create({ slug: "acme", name: "Acme" })
  await strongroom.projects.create(owner, { slug: "shop", name: "Shop" })
  const environment = async (name: string) =>
    (await strongroom.environments.create(owner, { project: "shop", name })).id
  const environments = [await environment("development"), await environment("production"), await environment("empty")]
  const secrets = ["ONE", "TWO"].map((name) => ({ name, ...text }))
  await strongroom.secrets.create(owner, { project: "shop", environments: environments.slice(0, 2), secrets })
  const vault = (await strongroom.vaults.create(owner, { name: "agents" })).id
  const vaultSecret = (await strongroom.vaults.secrets.create(owner, vault, { envKey: "KEY", value: "x" })).id
  const emptyVault = (await strongroom.vaults.create(owner, { name: "empty" })).id
  const member = (await strongroom.principals.create(owner, { name: "member", grants })).id
  const issued = await strongroom.tokens.issue(owner, { name: "deploy", grants })
  const ids = { vault, vaultSecret, emptyVault, member, tokenId: issued.id, token: reveal(issued.token) }
  return { database, strongroom, owner, environments, ...ids }
}

type Call = (stage: Stage) => Promise<unknown>

/** Every method of the facade but `close`, and how many commits it makes. */
const methods: Readonly<Record<string, readonly [commits: number, call: Call]>> = {
  // Reads that disclose no value.
  ping: [0, ({ strongroom }) => strongroom.ping()],
  "workspaces.find": [0, ({ strongroom }) => strongroom.workspaces.find("acme")],
  "principals.get": [0, ({ strongroom, owner, member }) => strongroom.principals.get(owner, member)],
  "tokens.list": [0, ({ strongroom, owner }) => strongroom.tokens.list(owner)],
  "tokens.identify": [0, ({ strongroom, token }) => strongroom.tokens.identify(token)],
  "tokens.verify": [0, ({ strongroom, owner, tokenId }) => strongroom.tokens.verify({ ...owner, token: tokenId })],
  "projects.get": [0, ({ strongroom, owner }) => strongroom.projects.get(owner, "shop")],
  "projects.list": [0, ({ strongroom, owner }) => strongroom.projects.list(owner)],
  "environments.list": [0, ({ strongroom, owner }) => strongroom.environments.list(owner, { project: "shop" })],
  "vaults.list": [0, ({ strongroom, owner }) => strongroom.vaults.list(owner)],
  "vaults.secrets.list": [0, ({ strongroom, owner, vault }) => strongroom.vaults.secrets.list(owner, vault)],
  "audit.list": [0, ({ strongroom, owner }) => strongroom.audit.list(owner)],
  // Disclosures: their audit entry.
  "secrets.list": [1, ({ strongroom, owner }) => strongroom.secrets.list(owner, { project: "shop" })],
  "secrets.get": [1, ({ strongroom, owner }) => strongroom.secrets.get(owner, { project: "shop", name: "ONE" })],
  "vaults.secrets.release": [
    1,
    ({ strongroom, owner, vault }) => strongroom.vaults.secrets.release(owner, vault, "KEY", "a.example"),
  ],
  // Writes, all of them one atomic commit.
  "principals.create": [1, ({ strongroom, owner }) => strongroom.principals.create(owner, { name: "new", grants })],
  "principals.setGrants": [1, ({ strongroom, owner, member }) => strongroom.principals.setGrants(owner, member, [])],
  "tokens.revoke": [1, ({ strongroom, owner, tokenId }) => strongroom.tokens.revoke(owner, tokenId)],
  "projects.create": [1, ({ strongroom, owner }) => strongroom.projects.create(owner, { slug: "new", name: "New" })],
  "environments.create": [
    1,
    ({ strongroom, owner }) => strongroom.environments.create(owner, { project: "shop", name: "new" }),
  ],
  "secrets.create": [
    1,
    ({ strongroom, owner, environments }) => {
      const secrets = Array.from({ length: 20 }, (_, index) => ({ name: `NEW_${index}`, ...text }))
      return strongroom.secrets.create(owner, { project: "shop", environments, secrets })
    },
  ],
  "vaults.create": [1, ({ strongroom, owner }) => strongroom.vaults.create(owner, { name: "new" })],
  "vaults.secrets.create": [
    1,
    ({ strongroom, owner, vault }) => strongroom.vaults.secrets.create(owner, vault, { envKey: "NEW", value: "x" }),
  ],
  "vaults.secrets.update": [
    1,
    ({ strongroom, owner, vault, vaultSecret }) =>
      strongroom.vaults.secrets.update(owner, vault, vaultSecret, { value: "y", allowedDomains: ["a.example"] }),
  ],
  "vaults.secrets.remove": [
    1,
    ({ strongroom, owner, vault, vaultSecret }) => strongroom.vaults.secrets.remove(owner, vault, vaultSecret),
  ],
  "keys.rotate": [1, ({ strongroom, owner, vault }) => strongroom.keys.rotate(owner, { vault })],
  // The exceptions, by name. What lies between their commits is safe to stop at, and why stands beside each.
  //
  // In two partitions, which no commit spans: the workspace first, then the slug that leads to it. Between them the
  // workspace is nobody's and its slug is free.
  "workspaces.create": [2, ({ strongroom }) => strongroom.workspaces.create({ slug: "new", name: "New" })],
  // As above: the token's record first, then the pointer from its hash. Between them nobody has been shown the token.
  "tokens.issue": [2, ({ strongroom, owner }) => strongroom.tokens.issue(owner, { name: "new", grants })],
  // A decision about a set: the vault is closed, looked at, and removed while still closed. A vault that stays closed is
  // opened by the next writer, a minute later.
  "vaults.remove": [2, ({ strongroom, owner, emptyVault }) => strongroom.vaults.remove(owner, emptyVault)],
  // The first commit takes environment and keys away, all at once; the others, one for each 200 secrets that had a value
  // there, only tidy up what can no longer be read.
  "environments.remove": [
    2,
    ({ strongroom, owner, environments }) =>
      strongroom.environments.remove(owner, { project: "shop", environment: environments[0] ?? "" }),
  ],
}

const methodsOf = (api: object, path = ""): readonly string[] =>
  Object.entries(api).flatMap(([name, value]) => {
    if (typeof value === "function") return [`${path}${name}`]
    return typeof value === "object" && value !== null ? methodsOf(value, `${path}${name}.`) : []
  })

describe("attack 18: the process crashes between two writes", () => {
  it("every method of the facade is counted here", async () => {
    const { strongroom } = await setUp()
    expect(Object.keys(methods).sort()).toEqual(
      methodsOf(strongroom)
        .filter((name) => name !== "close")
        .sort(),
    )
    await strongroom.close()
  })

  it.for(Object.entries(methods))("%s", async ([, [expected, call]], { task }) => {
    const { database, ...stage } = await setUp()
    const before = database.commits()
    await call(stage)
    expect(database.commits() - before, task.name).toBe(expected)
    await stage.strongroom.close()
  })

  it("a store is made in one commit, and opening it again makes none", async () => {
    const database = await openDatabase()
    await (await openEngine(database.storage)).tokens.identify("not a token")
    expect(database.commits()).toBe(1)
    await openEngine(database.storage)
    expect(database.commits()).toBe(1)
  })

  it("what is refused makes no commit", async () => {
    const { database, ...stage } = await setUp()
    const { strongroom, owner, environments, vault } = stage
    const before = database.commits()
    const stranger: Principal = { ...owner, id: "stranger", grants: [] }
    const refused: readonly Promise<unknown>[] = [
      strongroom.workspaces.create({ slug: "acme", name: "Again" }),
      strongroom.projects.create(owner, { slug: "shop", name: "Again" }),
      strongroom.environments.create(owner, { project: "shop", name: "production" }),
      strongroom.secrets.create(owner, { project: "shop", environments, secrets: [{ name: "ONE", ...text }] }),
      strongroom.secrets.create(stranger, { project: "shop", environments, secrets: [{ name: "NEW", ...text }] }),
      strongroom.secrets.get(owner, { project: "shop", name: "ABSENT" }),
      strongroom.secrets.list(stranger, { project: "shop" }),
      strongroom.vaults.secrets.create(owner, vault, { envKey: "KEY", value: "x" }),
      strongroom.vaults.secrets.update(stranger, vault, stage.vaultSecret, { value: "y" }),
      strongroom.vaults.secrets.remove(stranger, vault, stage.vaultSecret),
      strongroom.vaults.secrets.release(stranger, vault, "KEY", "a.example"),
      strongroom.tokens.issue(stranger, { name: "new", grants }),
      strongroom.keys.rotate(stranger, { vault }),
    ]
    const results = await Promise.allSettled(refused)
    expect(results.map(({ status }) => status)).toEqual(refused.map(() => "rejected"))
    expect(database.commits()).toBe(before)
  })

  it("a vault that is not empty is closed and opened again: two commits", async () => {
    const { database, strongroom, owner, vault } = await setUp()
    const before = database.commits()
    await expect(strongroom.vaults.remove(owner, vault)).rejects.toMatchObject({ code: "VAULT_NOT_EMPTY" })
    expect(database.commits() - before).toBe(2)
  })
})
