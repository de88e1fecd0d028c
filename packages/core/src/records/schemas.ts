import { Schema } from "effect"
import { DataType, Grants, SecretType } from "../domain/fields.ts"

/** The metadata of every kind of record. Times are milliseconds since 1970. All of it is decoded as untrusted input. */

export const metadataVersion = 1

const record = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct({ v: Schema.Literal(metadataVersion), ...fields })

const wholeNumber = (most: number) =>
  Schema.Number.check(Schema.makeFilter((value) => Number.isInteger(value) && value >= 0 && value <= most))
/** Milliseconds since 1970, as far as a Date goes (ECMA-262, 21.4.1.1). */
const Time = wholeNumber(8.64e15)
const Count = wholeNumber(Number.MAX_SAFE_INTEGER)
const Bytes = Schema.String

export const WorkspaceInfo = record({
  id: Schema.String,
  slug: Schema.String,
  name: Schema.String,
  owner: Schema.String,
  createdAt: Time,
})

export const Principal = record({
  id: Schema.String,
  name: Schema.String,
  grants: Grants,
  createdAt: Time,
})

export const Token = record({
  id: Schema.String,
  /** SHA-256 of the token's text, base64url. */
  hash: Bytes,
  name: Schema.String,
  grants: Grants,
  maker: Schema.String,
  createdAt: Time,
  expiresAt: Schema.NullOr(Time),
  revokedAt: Schema.NullOr(Time),
})

/** Guards the set of its environments: whoever adds or removes one rewrites it. */
export const Project = record({
  id: Schema.String,
  slug: Schema.String,
  name: Schema.String,
  team: Schema.NullOr(Schema.String),
  environments: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String })),
  createdAt: Time,
})

export const SlugPointer = record({ project: Schema.String })

export const Environment = record({
  id: Schema.String,
  project: Schema.String,
  name: Schema.String,
  createdAt: Time,
})

/** The data keys of a compartment, as commitments; the keys themselves are the value bytes, 32 each, in the same order. */
export const Keyset = record({
  compartment: Schema.String,
  /** Goes up with every change; a lower one than seen before is a rollback. */
  sequence: Count,
  /** Set while somebody decides whether the compartment is empty: nothing may be written into it. */
  closedAt: Schema.NullOr(Time),
  keys: Schema.Array(Schema.Struct({ commitment: Bytes, createdAt: Time })),
})

/** The keys of a workspace or of the directory, sealed by the key that the provider wraps. The value bytes are the keys, in order. */
export const WorkspaceKeys = record({
  sequence: Count,
  metadataKeys: Schema.Array(Schema.Struct({ commitment: Bytes, createdAt: Time })),
  indexKeys: Schema.Array(Schema.Struct({ generation: Schema.String, createdAt: Time })),
})

const secretFields = {
  id: Schema.String,
  name: Schema.String,
  type: SecretType,
  dataType: DataType,
  note: Schema.String,
  createdAt: Time,
  updatedAt: Time,
}

/** A secret's guard: its metadata, and who holds a value. Rewritten with every value. */
export const Secret = record({
  ...secretFields,
  project: Schema.String,
  /** `owner` is empty for a shared value, a principal's id for a personal one. */
  holders: Schema.Array(Schema.Struct({ environment: Schema.String, owner: Schema.String })),
})

export const SecretPointer = record({ id: Schema.String, project: Schema.String, name: Schema.String })

/** A value and a copy of its secret's metadata. The value bytes are UTF-8. */
export const SecretValue = record({ ...secretFields, environment: Schema.String, owner: Schema.String })

export const Vault = record({
  id: Schema.String,
  name: Schema.String,
  description: Schema.String,
  createdAt: Time,
  updatedAt: Time,
})

export const VaultSecret = record({
  id: Schema.String,
  vault: Schema.String,
  envKey: Schema.String,
  allowedDomains: Schema.Array(Schema.String),
  createdAt: Time,
  updatedAt: Time,
})

export const VaultSecretPointer = record({ id: Schema.String, vault: Schema.String, envKey: Schema.String })

export const Audit = record({
  at: Time,
  action: Schema.String,
  principal: Schema.String,
  token: Schema.NullOr(Schema.String),
  subject: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  /** One chain per engine instance (writer) and workspace: `previous` is the keyed hash of the entry before. */
  writer: Schema.String,
  sequence: Count,
  previous: Bytes,
  /**
   * Runs of entries of this chain whose commits were refused, so that their absence is no cut: the link of the last and
   * the `previous` that the first carried.
   */
  refused: Schema.Array(Schema.Struct({ first: Count, last: Count, link: Bytes, previous: Bytes })),
})

/** What a fence leaves at a receipt's address: the commit that wanted it can no longer apply. */
export const Void = record({ action: Schema.Literal("void"), at: Time })

/** Says which store this is. Its leaf is the store's id. */
export const Marker = record({ format: Count, rootFingerprint: Schema.String, createdAt: Time })

export const WorkspacePointer = record({ workspace: Schema.String })

export const TokenPointer = record({
  workspace: Schema.String,
  principal: Schema.String,
  token: Schema.String,
  hash: Bytes,
})

export const Receipt = record({ at: Time })
