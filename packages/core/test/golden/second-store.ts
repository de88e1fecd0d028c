/** Opens a whole store with the second decoder: every record, every pointer, every chain. See second-decoder.ts. */
import {
  blindLeaf,
  chainKeyOf,
  type DataKey,
  dataKey,
  linkOf,
  nameOf,
  openRecord,
  type Place,
  Refused,
  splitKeysRecord,
  unwrap,
} from "./second-decoder.ts"
import * as schemas from "./second-schemas.ts"

export interface DumpedRecord {
  readonly revision: string
  /** base64 */
  readonly bytes: string
}
export type DumpedPartition = Readonly<Record<string, Readonly<Record<string, DumpedRecord>>>>
/** partition / collection / leaf */
export type Dump = Readonly<Record<string, DumpedPartition>>

type Guard<A> = (input: unknown) => input is A

const refuse = (what: string): never => {
  throw new Refused(what)
}
const require = (holds: boolean, what: string): void => {
  if (!holds) refuse(what)
}
const byName = <A extends { readonly name: string }>(list: readonly A[]): readonly A[] =>
  [...list].sort((a, b) => (a.name < b.name ? -1 : 1))
const utf8 = (bytes: Buffer): string => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)

/** The records of one partition. Remembers which were opened: in the end, all must have been. */
class Partition {
  readonly name: string
  readonly #records: DumpedPartition
  readonly #opened = new Set<string>()

  constructor(name: string, records: DumpedPartition) {
    this.name = name
    this.#records = records
  }

  leaves(collection: string): readonly string[] {
    return Object.keys(this.#records[collection] ?? {})
  }

  bytes(collection: string, leaf: string): { readonly place: Place; readonly bytes: Buffer } {
    const address = { partition: this.name, collection, leaf }
    const record = this.#records[collection]?.[leaf] ?? refuse(`${nameOf(address)}: missing`)
    this.#opened.add(nameOf(address))
    return { place: { ...address, revision: record.revision }, bytes: Buffer.from(record.bytes, "base64") }
  }

  open<A>(collection: string, leaf: string, guard: Guard<A>, keys: readonly DataKey[]) {
    const { place, bytes } = this.bytes(collection, leaf)
    const { metadata, value } = openRecord(keys, place, bytes)
    return { leaf, revision: place.revision, raw: metadata, metadata: parse(place, metadata, guard), value }
  }

  all<A>(collection: string, guard: Guard<A>, keys: readonly DataKey[]) {
    return this.leaves(collection).map((leaf) => this.open(collection, leaf, guard, keys))
  }

  /** The same where the leaf is the id in the metadata. */
  allById<A extends { readonly id: string }>(collection: string, guard: Guard<A>, keys: readonly DataKey[]) {
    return this.all(collection, guard, keys).map(({ leaf, metadata }) => {
      require(metadata.id === leaf, `${this.name}/${collection}/${leaf}: another id`)
      return metadata
    })
  }

  finish(): void {
    for (const collection of Object.keys(this.#records)) {
      for (const leaf of this.leaves(collection)) {
        const name = nameOf({ partition: this.name, collection, leaf })
        require(this.#opened.has(name), `${name}: nothing leads to it`)
      }
    }
  }
}

const parse = <A>(place: Place, metadata: Buffer, guard: Guard<A>): A => {
  let parsed: unknown
  try {
    parsed = JSON.parse(utf8(metadata))
  } catch {
    return refuse(`${nameOf(place)}: not JSON`)
  }
  return guard(parsed) ? parsed : refuse(`${nameOf(place)}: not of its schema`)
}

/** Keys that stand one after the other in a value, each held against its commitment. */
const committedKeys = (
  name: string,
  entries: readonly { readonly commitment: string }[],
  secrets: Buffer,
  label: string,
  ...context: readonly string[]
): readonly DataKey[] =>
  entries.map(({ commitment }, i) => {
    const key = dataKey(secrets.subarray(i * 32, i * 32 + 32), label, ...context)
    require(key.commitment.equals(Buffer.from(commitment, "base64url")), `${name}: key ${i} is not the committed one`)
    return key
  })

const openKeys = (partition: Partition, collection: string, rootKey: Buffer, storeId: string, workspaceId: string) => {
  const { place, bytes } = partition.bytes(collection, "keys")
  const { prefix, wrapped, sealed } = splitKeysRecord(place, bytes)
  const purpose = workspaceId === "" ? "directory-key" : "workspace-key"
  const workspaceKey = unwrap(rootKey, wrapped, { purpose, storeId, workspaceId })
  const sealing = dataKey(workspaceKey, "strongroom/v1/workspace-key", place.partition)
  const body = openRecord([sealing], place, sealed, prefix)
  const { metadataKeys, indexKeys } = parse(place, body.metadata, schemas.workspaceKeys)
  const index = indexKeys.at(-1) ?? refuse(`${nameOf(place)}: no index key`)
  const complete = metadataKeys.length > 0 && body.value.length === (metadataKeys.length + indexKeys.length) * 32
  require(complete, `${nameOf(place)}: a wrong number of keys`)
  return {
    metadata: committedKeys(nameOf(place), metadataKeys, body.value, "strongroom/v1/metadata-key", place.partition),
    blind: (label: string, ...parts: readonly string[]) =>
      blindLeaf(index.generation, body.value.subarray(-32), label, ...parts),
    chain: chainKeyOf(body.value.subarray(0, 32), place.partition),
  }
}

type Keys = ReturnType<typeof openKeys>

const openKeyset = (partition: Partition, compartment: string, keys: Keys): readonly DataKey[] => {
  const { metadata, value } = partition.open("keyset", compartment, schemas.keyset, keys.metadata)
  const name = `${partition.name}/keyset/${compartment}`
  const complete = metadata.keys.length > 0 && value.length === metadata.keys.length * 32
  require(complete && metadata.compartment === compartment, `${name}: not this compartment's`)
  const label = "strongroom/v1/compartment-key"
  return committedKeys(name, metadata.keys, value, label, partition.name, compartment)
}

const openProject = (partition: Partition, keys: Keys, project: ReturnType<typeof openProjects>[number]) => {
  const name = `${partition.name}/project/${project.id}`
  const pointer = partition.open("slug", keys.blind("project-slug", project.slug), schemas.slug, keys.metadata)
  require(pointer.metadata.project === project.id, `${name}: its slug leads elsewhere`)
  const environments = project.environments.map(({ id, name: environmentName }) => {
    const environment = partition.open("env", id, schemas.environment, keys.metadata).metadata
    const same = environment.id === id && environment.project === project.id && environment.name === environmentName
    require(same, `${name}: environment ${id} is another one`)
    return { id, name: environmentName, keys: openKeyset(partition, id, keys) }
  })
  const secrets = partition
    .all(`secret.${project.id}`, schemas.secret, keys.metadata)
    .map(({ leaf, metadata: secret }) => {
      const named = `${partition.name}/secret.${project.id}/${leaf}`
      require(leaf === keys.blind("secret", project.id, secret.name), `${named}: not the leaf of its name`)
      require(secret.project === project.id, `${named}: of another project`)
      const secretId = partition.open("secret-id", secret.id, schemas.secretPointer, keys.metadata).metadata
      require(secretId.id === secret.id && secretId.name === secret.name, `${named}: its id leads elsewhere`)
      const values = environments.flatMap((environment) => {
        const holder = secret.holders.find((candidate) => candidate.environment === environment.id)
        if (holder === undefined) return []
        const valueLeaf = keys.blind("value", environment.id, secret.name, holder.owner)
        const opened = partition.open(`value.${environment.id}`, valueLeaf, schemas.value, environment.keys)
        const { id, name, type, dataType, note } = opened.metadata
        const same = id === secret.id && name === secret.name && type === secret.type && dataType === secret.dataType
        require(same && note === secret.note, `${named}: its value in ${environment.id} is of another secret`)
        return [{ environment: environment.name, value: utf8(opened.value) }]
      })
      return {
        id: secret.id,
        name: secret.name,
        type: secret.type,
        dataType: secret.dataType,
        note: secret.note,
        values,
      }
    })
  return {
    id: project.id,
    slug: project.slug,
    name: project.name,
    environments: environments.map(({ id, name: environmentName }) => ({ id, name: environmentName })),
    secrets: byName(secrets),
  }
}

const openProjects = (partition: Partition, keys: Keys) => partition.allById("project", schemas.project, keys.metadata)

const openVault = (partition: Partition, keys: Keys, vault: { id: string; name: string; description: string }) => {
  const vaultKeys = openKeyset(partition, vault.id, keys)
  const secrets = partition
    .all(`vsecret.${vault.id}`, schemas.vaultSecret, vaultKeys)
    .map(({ leaf, metadata, value }) => {
      const { id, envKey, allowedDomains } = metadata
      const named = `${partition.name}/vsecret.${vault.id}/${leaf}`
      require(leaf === keys.blind("vault-secret", vault.id, envKey), `${named}: not the leaf of its name`)
      const pointer = partition.open("vsecret-id", id, schemas.vaultSecretPointer, keys.metadata).metadata
      require(pointer.envKey === envKey && metadata.vault === vault.id, `${named}: its id leads elsewhere`)
      return { id, name: envKey, value: utf8(value), allowedDomains }
    })
  return { id: vault.id, name: vault.name, description: vault.description, secrets: byName(secrets) }
}

interface Run {
  readonly first: number
  readonly last: number
  readonly link: string
  readonly previous: string
}

/** The runs that a chain's entries vouch for, joined: a run may be named twice, and again as part of a longer one. */
const refused = (chain: readonly { readonly refused: readonly Run[] }[]): readonly Run[] => {
  const runs: Run[] = []
  for (const run of chain.flatMap((entry) => entry.refused).sort((a, b) => a.first - b.first || b.last - a.last)) {
    const before = runs.at(-1)
    if (before === undefined || run.first > before.last) runs.push(run)
    else if (run.last > before.last) runs.splice(-1, 1, { ...before, last: run.last, link: run.link })
  }
  return runs
}

/** The entries in the order of their leaves; throws for a chain with an unexplained gap. */
const openAudit = (partition: Partition, keys: Keys) => {
  const records = partition.all("audit", schemas.audit, keys.metadata)
  const entries = records.flatMap(({ leaf, revision, raw, metadata }) => {
    if (metadata.action === "void" || !("writer" in metadata)) {
      require(revision !== leaf, `${partition.name}/audit/${leaf}: a void that claims to be a commit`)
      return []
    }
    require(revision === leaf, `${partition.name}/audit/${leaf}: an entry that is no receipt`)
    return [{ ...metadata, leaf, link: linkOf(keys.chain, leaf, raw) }]
  })
  const chains = Map.groupBy(entries, ({ writer }) => writer)
  for (const [writer, chain] of chains) {
    const runs = [
      ...chain.map(({ sequence, link, previous }) => ({ first: sequence, last: sequence, link, previous })),
      ...refused(chain),
    ].sort((a, b) => a.first - b.first)
    let next = 1
    let link = ""
    for (const run of runs) {
      const name = `${partition.name}: entry ${next} of chain ${writer}`
      require(run.first === next && run.last >= run.first, `${name} is missing, or there are two`)
      require(run.previous === link, `${name} does not follow the one before`)
      next = run.last + 1
      link = run.link
    }
  }
  return {
    actions: entries.map(({ action }) => action),
    chains: chains.size,
    refused: [...chains.values()].flatMap(refused).reduce((total, { first, last }) => total + last - first + 1, 0),
    voids: records.length - entries.length,
  }
}

const openWorkspace = (dump: Dump, rootKey: Buffer, storeId: string, workspaceId: string) => {
  const partition = new Partition(workspaceId, dump[workspaceId] ?? refuse(`${workspaceId}: missing`))
  const keys = openKeys(partition, "workspace", rootKey, storeId, workspaceId)
  const info = partition.open("workspace", "info", schemas.info, keys.metadata).metadata
  require(info.id === workspaceId, `${workspaceId}/workspace/info: of another workspace`)
  const workspace = {
    id: info.id,
    slug: info.slug,
    name: info.name,
    owner: info.owner,
    principals: partition
      .allById("principal", schemas.principal, keys.metadata)
      .map(({ id, name, grants }) => ({ id, name, grants })),
    tokens: partition.allById("token", schemas.token, keys.metadata),
    projects: openProjects(partition, keys).map((project) => openProject(partition, keys, project)),
    vaults: partition.allById("vault", schemas.vault, keys.metadata).map((vault) => openVault(partition, keys, vault)),
    audit: openAudit(partition, keys),
  }
  partition.finish()
  return workspace
}

/** Everything that the store holds, from the root key alone. Throws `Refused` for whatever does not fit. */
export const openStore = (dump: Dump, rootKey: Buffer) => {
  const store = new Partition("store", dump["store"] ?? refuse("store: missing"))
  const [storeId = "", ...others] = store.leaves("marker")
  require(storeId !== "" && others.length === 0, "store/marker: not one marker")
  const keys = openKeys(store, "directory", rootKey, storeId, "")
  const marker = store.open("marker", storeId, schemas.marker, keys.metadata).metadata
  require(marker.format === 1, "store/marker: another format")

  const partitions = [store]
  const workspaces = []
  const tokenPointers = []
  for (const [name, records] of Object.entries(dump)) {
    if (!/^dir-[0-9a-f]{2}$/.test(name)) continue
    const partition = new Partition(name, records)
    partitions.push(partition)
    const here = (leaf: string): boolean =>
      Buffer.from(leaf.slice(1), "base64url").toString("hex", 0, 1) === name.slice(4)
    for (const { leaf, metadata } of partition.all("workspace-slug", schemas.workspacePointer, keys.metadata)) {
      const workspace = openWorkspace(dump, rootKey, storeId, metadata.workspace)
      require(here(leaf) &&
        leaf === keys.blind("workspace-slug", workspace.slug), `${name}: a slug that leads elsewhere`)
      workspaces.push(workspace)
    }
    for (const { leaf, metadata } of partition.all("token", schemas.tokenPointer, keys.metadata)) {
      require(here(leaf) && leaf === keys.blind("token", metadata.hash), `${name}: a token that leads elsewhere`)
      tokenPointers.push(metadata)
    }
  }
  for (const partition of partitions) {
    for (const { leaf, revision, metadata } of partition.all("receipt", schemas.receipt, keys.metadata)) {
      require((revision === leaf) !== "action" in metadata, `${partition.name}/receipt/${leaf}: not a receipt`)
    }
    partition.finish()
  }
  const known = new Set([...partitions.map(({ name }) => name), ...workspaces.map(({ id }) => id)])
  for (const name of Object.keys(dump)) require(known.has(name), `${name}: nothing leads to it`)

  for (const { id, tokens } of workspaces) {
    for (const token of tokens) {
      const leads = tokenPointers.some(
        (pointer) => pointer.token === token.id && pointer.hash === token.hash && pointer.workspace === id,
      )
      require(leads, `${id}/token/${token.id}: no pointer leads to it`)
    }
  }
  return { storeId, rootFingerprint: marker.rootFingerprint, workspaces }
}
