import { localKeys } from "../../../src/crypto/local-keys.ts"
import { reveal } from "../../../src/domain/fields.ts"
import type { Environment, Project, Secret } from "../../../src/domain/model.ts"
import type { Principal } from "../../../src/domain/permission.ts"
import type { StorageAdapter } from "../../../src/ports/storage.ts"
import { openStrongroom, type Strongroom, type StrongroomOptions } from "../../../src/strongroom.ts"
import { openDatabase, type Stored } from "./database.ts"

export const rootKey = new Uint8Array(32).fill(7)

/** Reads leave no audit entries, so that the same question has the same answer twice. */
export const openEngine = (storage: StorageAdapter, options: Partial<StrongroomOptions> = {}): Promise<Strongroom> =>
  openStrongroom({ storage, keys: localKeys([{ id: "root", key: rootKey }]), audit: { reads: false }, ...options })

export interface Tenant {
  readonly slug: string
  readonly owner: Principal
  readonly member: string
  readonly token: string
  readonly tokenId: string
  readonly project: Project
  readonly development: Environment
  readonly production: Environment
  readonly vault: string
  readonly emptyVault: string
  /** Of the vault's secrets, by env_key. */
  readonly vaultSecrets: Readonly<Record<"API_KEY" | "OTHER_KEY", string>>
}

const makeTenant = async (strongroom: Strongroom, slug: string): Promise<Tenant> => {
  const { owner } = await strongroom.workspaces.create({ slug, name: `${slug} inc` })
  const project = await strongroom.projects.create(owner, { slug: "shop", name: "Shop" })
  const environment = (name: string) => strongroom.environments.create(owner, { project: "shop", name })
  const [development, production] = [await environment("development"), await environment("production")]
  const common = { type: "runtime", dataType: "text" } as const
  const create = (name: string, environments: readonly Environment[], note: string) =>
    strongroom.secrets.create(owner, {
      project: "shop",
      environments: environments.map(({ id }) => id),
      secrets: [{ name, value: `${slug} ${name} value`, note, ...common }],
    })
  await create("DATABASE_URL", [development, production], "main database")
  await create("SMTP_PASSWORD", [production], "")
  await strongroom.keys.rotate(owner, { project: "shop", environment: production.id })
  await create("STRIPE_KEY", [development, production], "after the rotation")
  await strongroom.projects.create(owner, { slug: "empty", name: "Empty" })

  const vault = await strongroom.vaults.create(owner, { name: "agents", description: "what agents may use" })
  const makeVaultSecret = (envKey: string, allowedDomains: readonly string[]) =>
    strongroom.vaults.secrets.create(owner, vault.id, { envKey, value: `${slug} ${envKey}`, allowedDomains })
  const vaultSecrets = {
    API_KEY: (await makeVaultSecret("API_KEY", ["api.example.com"])).id,
    OTHER_KEY: (await makeVaultSecret("OTHER_KEY", ["*.example.org"])).id,
  }
  const emptyVault = (await strongroom.vaults.create(owner, { name: "spare" })).id

  const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const
  const member = await strongroom.principals.create(owner, { name: "member", grants })
  const issued = await strongroom.tokens.issue(owner, { name: "deploy", grants })
  const token = reveal(issued.token)
  const ids = { member: member.id, tokenId: issued.id, vault: vault.id, emptyVault, vaultSecrets }
  return { slug, owner, token, project, development, production, ...ids }
}

export interface World {
  readonly acme: Tenant
  readonly other: Tenant
  /** Everything that is stored. */
  readonly records: readonly Stored[]
}

/** Two workspaces with a little of everything. */
export const makeWorld = async (): Promise<World> => {
  const database = await openDatabase()
  await using strongroom = await openEngine(database.storage)
  const acme = await makeTenant(strongroom, "acme")
  const other = await makeTenant(strongroom, "other")
  return { acme, other, records: database.records() }
}

const inTheClear = (secret: Secret) => ({
  ...secret,
  values: secret.values.map((value) => ({ ...value, value: reveal(value.value) })),
})

export type Acts = Readonly<Record<string, () => Promise<unknown>>>

const tenantReads = (strongroom: Strongroom, tenant: Tenant): Acts => {
  const { slug, owner, member, token, tokenId, project, development, production, vault, emptyVault } = tenant
  const { workspaces, principals, tokens, projects, environments, secrets, vaults, audit } = strongroom
  const bearer: Principal = { ...owner, token: tokenId }
  const list = async (environment?: Environment) =>
    (await secrets.list(bearer, { project: project.id, ...(environment && { environment: environment.id }) })).map(
      inTheClear,
    )
  const get = (name: string, environment?: Environment) => async () =>
    inTheClear(await secrets.get(owner, { project: "shop", name, ...(environment && { environment: environment.id }) }))
  return {
    "workspaces.find by slug": () => workspaces.find(slug),
    "workspaces.find by id": () => workspaces.find(owner.workspace),
    "principals.get": () => principals.get(owner, member),
    "tokens.list": () => tokens.list(owner),
    "tokens.identify": () => tokens.identify(token),
    "tokens.verify": () => tokens.verify(bearer),
    "projects.get by slug": () => projects.get(bearer, "shop"),
    "projects.get by id": () => projects.get(owner, project.id),
    "projects.get by another slug": () => projects.get(owner, "empty"),
    "projects.list": () => projects.list(bearer),
    "environments.list": () => environments.list(owner, { workspace: slug, project: "shop" }),
    "secrets.list": () => list(),
    "secrets.list in development": () => list(development),
    "secrets.list in production": () => list(production),
    "secrets.get DATABASE_URL": get("DATABASE_URL"),
    "secrets.get SMTP_PASSWORD": get("SMTP_PASSWORD"),
    "secrets.get STRIPE_KEY": get("STRIPE_KEY"),
    "secrets.get STRIPE_KEY in production": get("STRIPE_KEY", production),
    "vaults.list": () => vaults.list(owner),
    "vaults.secrets.list": () => vaults.secrets.list(bearer, vault),
    "vaults.secrets.list of an empty vault": () => vaults.secrets.list(owner, emptyVault),
    "audit.list": () => audit.list(owner, { limit: 1000 }),
  }
}

/** Every read that the façade offers, of both workspaces. */
export const readsOf = (strongroom: Strongroom, { acme, other }: World): Acts => ({
  ping: () => strongroom.ping(),
  ...Object.fromEntries(
    [acme, other].flatMap((tenant) =>
      Object.entries(tenantReads(strongroom, tenant)).map(([name, read]) => [`${tenant.slug}: ${name}`, read]),
    ),
  ),
})

/** Every write that the facade offers, in the first workspace, and releases, which are always audited. Ids are random, so that only their success is compared. */
export const writesOf = (strongroom: Strongroom, { acme }: World): Acts => {
  const { owner, member, tokenId, vault, vaultSecrets, development, production } = acme
  const { workspaces, principals, tokens, projects, environments, secrets, vaults, keys } = strongroom
  const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const
  const secret = { name: "NEW_KEY", value: "new", type: "runtime", dataType: "text" } as const
  const writes: Acts = {
    "workspaces.create": () => workspaces.create({ slug: "third", name: "Third" }),
    "principals.create": () => principals.create(owner, { name: "new", grants }),
    "principals.setGrants": () => principals.setGrants(owner, member, grants),
    "tokens.issue": () => tokens.issue(owner, { name: "new", grants }),
    "tokens.revoke": () => tokens.revoke(owner, tokenId),
    "projects.create": () => projects.create(owner, { slug: "new", name: "New" }),
    "environments.create": () => environments.create(owner, { project: "shop", name: "staging" }),
    "secrets.create": () =>
      secrets.create(owner, { project: "shop", environments: [development.id, production.id], secrets: [secret] }),
    "vaults.create": () => vaults.create(owner, { name: "new" }),
    "vaults.secrets.create": () => vaults.secrets.create(owner, vault, { envKey: "NEW_KEY", value: "new" }),
    "vaults.secrets.release": async () => {
      const { value } = await vaults.secrets.release(owner, vault, "API_KEY", "https://api.example.com/")
      if (reveal(value) !== "acme API_KEY") throw new Error("another value was released")
    },
    "vaults.secrets.update": () =>
      vaults.secrets.update(owner, vault, vaultSecrets.API_KEY, { allowedDomains: ["new.example.com"] }),
    "vaults.secrets.remove": () => vaults.secrets.remove(owner, vault, vaultSecrets.OTHER_KEY),
    "keys.rotate an environment": () => keys.rotate(owner, { project: "shop", environment: development.id }),
    "keys.rotate a vault": () => keys.rotate(owner, { vault }),
    "vaults.remove": () => vaults.remove(owner, acme.emptyVault),
    "environments.remove": () => environments.remove(owner, { project: "shop", environment: production.id }),
  }
  return Object.fromEntries(Object.entries(writes).map(([name, write]) => [name, () => write().then(() => "done")]))
}

/** A record's collection, without what tells one collection of its kind from another. */
const kindOf = ({ acme, other }: World, { partition, collection, leaf }: Stored): string => {
  const inWorkspace = [acme, other].some(({ owner }) => owner.workspace === partition)
  const kind = collection.replace(/\..*$/, "")
  const home = inWorkspace ? "workspace" : partition.replace(/^dir-..$/, "dir")
  return `${home}/${kind === "workspace" ? `${kind}/${leaf}` : kind}`
}

/** By kind, the first workspace's records before the second's. */
export const byKind = (world: World): ReadonlyMap<string, readonly Stored[]> => {
  const isOther = ({ partition }: Stored) => partition === world.other.owner.workspace
  const sorted = [...world.records].sort((a, b) => Number(isOther(a)) - Number(isOther(b)))
  return Map.groupBy(sorted, (stored) => kindOf(world, stored))
}
