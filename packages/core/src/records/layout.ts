import { Schema } from "effect"
import { fromBase64Url, toHex } from "../crypto/bytes.ts"
import { StrongroomError } from "../domain/errors.ts"
import { LruMap } from "../lru-map.ts"
import type { Address } from "../ports/storage.ts"
import * as schemas from "./schemas.ts"
import { metadataText, nameOf, type Place, parseMetadata } from "./sealed-record.ts"

/** Which record lives where, and what its metadata must look like. */

/** The address of a record together with what it must decode to. */
export interface Ref<A> extends Address {
  readonly decode: (metadata: unknown) => A | undefined
  /** Where the kind is decoded once for many reads: what the text at each place decoded to. */
  readonly known: Pick<LruMap<Decoded<A>>, "get" | "set"> | undefined
}

interface Decoded<A> {
  readonly text: string
  readonly metadata: A
}

/** At most some 10 MB with what the texts decode to, over all engines of the process. */
const placesKnown = 500
const longestKnown = 2_000

type Kind<A> = (collection: string, leaf: string) => Ref<A>

const kind = <A, I>(schema: Schema.Codec<A, I>, known?: LruMap<Decoded<A>>): Kind<A> => {
  const decodeResult = Schema.decodeUnknownResult(schema)
  const decode = (metadata: unknown): A | undefined => {
    const result = decodeResult(metadata)
    return result._tag === "Success" ? result.success : undefined
  }
  return (collection, leaf) => ({ collection, leaf, decode, known })
}

const steady: Pick<LruMap<unknown>, "clear">[] = []

/** Of records that nearly every request reads and few change. */
const steadyKind = <A, I>(schema: Schema.Codec<A, I>): Kind<A> => {
  const known = new LruMap<Decoded<A>>(placesKnown)
  steady.push(known)
  return kind(schema, known)
}

/** For an engine that closes, so that no names stay behind in memory; others of this process decode anew. */
export const forgetMetadata = (): void => {
  for (const known of steady) known.clear()
}

const token = steadyKind(schemas.Token)
const principal = steadyKind(schemas.Principal)
const project = steadyKind(schemas.Project)
const slug = kind(schemas.SlugPointer)
const environment = steadyKind(schemas.Environment)
const keyset = kind(schemas.Keyset)
const secret = kind(schemas.Secret)
const secretPointer = kind(schemas.SecretPointer)
const secretValue = kind(schemas.SecretValue)
const vault = steadyKind(schemas.Vault)
const vaultSecret = kind(schemas.VaultSecret)
const vaultSecretPointer = kind(schemas.VaultSecretPointer)
const audit = kind(Schema.Union([schemas.Audit, schemas.Void]))
const info = kind(schemas.WorkspaceInfo)
const keys = kind(schemas.WorkspaceKeys)
const marker = kind(schemas.Marker)
const workspacePointer = kind(schemas.WorkspacePointer)
const tokenPointer = kind(schemas.TokenPointer)
const receipt = kind(Schema.Union([schemas.Receipt, schemas.Void]))

/** Blind leaves are made by `BlindIndex`; all other leaves are random ids. */
export const layout = {
  workspaceKeys: () => keys("workspace", "keys"),
  workspaceInfo: () => info("workspace", "info"),
  token: (id: string) => token("token", id),
  principal: (id: string) => principal("principal", id),
  project: (id: string) => project("project", id),
  slug: (blind: string) => slug("slug", blind),
  environment: (id: string) => environment("env", id),
  keyset: (compartment: string) => keyset("keyset", compartment),
  secret: (projectId: string, blind: string) => secret(`secret.${projectId}`, blind),
  secretPointer: (id: string) => secretPointer("secret-id", id),
  secretValue: (environmentId: string, blind: string) => secretValue(`value.${environmentId}`, blind),
  vault: (id: string) => vault("vault", id),
  vaultSecret: (vaultId: string, blind: string) => vaultSecret(`vsecret.${vaultId}`, blind),
  vaultSecretPointer: (id: string) => vaultSecretPointer("vsecret-id", id),
  audit: (id: string) => audit("audit", id),
} as const

/** The store's own partition, and those that the directory's pointers are spread over. */
export const storePartition = "store"
export const directoryPartition = (blind: string): string =>
  `dir-${toHex(fromBase64Url(blind.slice(1)).subarray(0, 1))}`

export const directoryLayout = {
  keys: () => keys("directory", "keys"),
  marker: (storeId: string) => marker("marker", storeId),
  workspacePointer: (blind: string) => workspacePointer("workspace-slug", blind),
  tokenPointer: (blind: string) => tokenPointer("token", blind),
  receipt: (id: string) => receipt("receipt", id),
} as const

/** Throws `FORMAT_UNSUPPORTED` for metadata of a newer release, `INTEGRITY` for anything else that does not fit. */
export const decodeMetadata = <A>(ref: Ref<A>, record: string, metadata: unknown): A => {
  const decoded = ref.decode(metadata)
  if (decoded !== undefined) return decoded
  const version: unknown = typeof metadata === "object" && metadata !== null && "v" in metadata ? metadata.v : undefined
  if (typeof version === "number" && version > schemas.metadataVersion) {
    throw new StrongroomError(
      "FORMAT_UNSUPPORTED",
      `record ${record} has metadata version ${version}, which this release does not know`,
      { record },
    )
  }
  throw new StrongroomError("INTEGRITY", `record ${record} does not hold what belongs there`, { record })
}

/** For all who get it: nobody can change what others will be given. */
const deepFreeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null) return
  Object.freeze(value)
  Object.values(value).forEach(deepFreeze)
}

/** The metadata of an opened record. Throws like `decodeMetadata`, and `INTEGRITY` for what is not JSON. */
export const readMetadata = <A>(ref: Ref<A>, place: Place, metadata: Uint8Array): A => {
  const name = nameOf(place)
  const text = metadataText(place, metadata)
  const before = ref.known?.get(name)
  if (before?.text === text) return before.metadata
  const decoded = decodeMetadata(ref, name, parseMetadata(place, text))
  if (ref.known !== undefined && text.length <= longestKnown) {
    deepFreeze(decoded)
    ref.known.set(name, { text, metadata: decoded })
  }
  return decoded
}
