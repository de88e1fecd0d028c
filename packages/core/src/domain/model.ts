import type { Redacted } from "effect"
import type { Grant, Permission } from "./permission.ts"

/** What the services take and give. Ids are lower-case UUIDs, but for `prn_`, `tok_`, `vlt_` and `sec_` + a ULID. */

/** A secret value on its way in: wrapped, or a plain string that is wrapped at the engine's edge. */
export type SecretInput = string | Redacted.Redacted<string>

export interface Workspace {
  readonly id: string
  readonly slug: string
  readonly name: string
  /** The principal that was made with the workspace and holds `admin` on all of it. */
  readonly owner: string
  readonly createdAt: Date
}

export interface Project {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly createdAt: Date
}

export interface Environment {
  readonly id: string
  readonly name: string
}

export type SecretType = "runtime" | "build"
export type DataType = "text" | "json"

export interface NewSecret {
  /** 2–48 of `[A-Za-z0-9_-]`. */
  readonly name: string
  /** At most 65,536 code points, no lone surrogates; may be empty. */
  readonly value: SecretInput
  readonly type: SecretType
  readonly dataType: DataType
  /** At most 255 code points. Absent: empty for a new secret, unchanged for one that gains environments. */
  readonly note?: string
}

export interface CreateSecrets {
  /** When given (slug or id), must be the principal's workspace. */
  readonly workspace?: string
  /** Slug or id. */
  readonly project: string
  /** Ids, compared without case, each once. */
  readonly environments: readonly string[]
  readonly secrets: readonly NewSecret[]
}

export interface ListSecrets {
  readonly workspace?: string
  readonly project: string
  /** Only secrets with a value in this environment; absent: the values of every environment that the principal may read. */
  readonly environment?: string
}

export interface GetSecret extends ListSecrets {
  readonly name: string
}

export interface SecretValue {
  readonly environment: string
  readonly value: Redacted.Redacted<string>
  readonly personal: boolean
}

export interface Secret {
  readonly id: string
  readonly name: string
  readonly note: string
  readonly type: SecretType
  readonly dataType: DataType
  readonly values: readonly SecretValue[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Vault {
  readonly id: string
  readonly name: string
  /** Empty when none was given. */
  readonly description: string
  readonly secretCount: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface NewVaultSecret {
  /** `[A-Za-z_][A-Za-z0-9_]*`, at most 255 characters. */
  readonly envKey: string
  /** 1–65,536 code points, no lone surrogates. */
  readonly value: SecretInput
  /** At most 100 patterns, canonicalised; empty (the default) means no restriction. */
  readonly allowedDomains?: readonly string[]
}

/** What is absent stays as it is; `envKey` cannot change. */
export interface VaultSecretChanges {
  /** 1–65,536 code points, no lone surrogates. */
  readonly value?: SecretInput
  /** Replaces the list. */
  readonly allowedDomains?: readonly string[]
}

/** What is told of a vault secret: never its value. */
export interface VaultSecret {
  readonly id: string
  readonly envKey: string
  readonly allowedDomains: readonly string[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface ReleaseOptions {
  /**
   * What becomes of the value. `release` (the default): it is handed to whoever asks, who needs `read` on the vault.
   * `forward`: the caller sends it on and whoever asks never holds it; that takes `use`.
   */
  readonly purpose?: "release" | "forward"
  /** Lets `http:` and `ws:` URLs be targets too. */
  readonly allowCleartext?: boolean
}

export interface ReleasedSecret {
  readonly value: Redacted.Redacted<string>
  /** Canonical: lower case, A-labels, no trailing dot, no port. Connect to this and not to the target as it was given. */
  readonly host: string
}

export interface NewToken {
  /** 1–64 code points. */
  readonly name: string
  readonly grants: readonly Grant[]
  readonly expiresAt?: Date
  /** A token made elsewhere (`ek_live_` + 43 characters of base64url); absent: a random one. */
  readonly token?: SecretInput
}

/** What is told of a token; the token itself is shown once, by `issue`. */
export interface ApiToken {
  readonly id: string
  readonly name: string
  readonly grants: readonly Grant[]
  /** The principal whose present grants bound the token's. */
  readonly maker: string
  readonly createdAt: Date
  readonly expiresAt: Date | undefined
  readonly revokedAt: Date | undefined
}

export interface IssuedToken extends ApiToken {
  readonly token: Redacted.Redacted<string>
}

export interface StoredPrincipal {
  readonly id: string
  readonly name: string
  readonly grants: readonly Grant[]
  readonly createdAt: Date
}

export interface AuditEntry {
  /** A ULID; also the revision of every record that the same commit wrote. */
  readonly id: string
  readonly at: Date
  /** E.g. `secret.create`. */
  readonly action: string
  /** Who: the principal's id, and the API token's where one was used. */
  readonly principal: string
  readonly token: string | undefined
  /** What: ids and names, never a value. */
  readonly subject: Readonly<Record<string, string | readonly string[]>>
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[]
  /** Give to the next call as `after`; `undefined` at the end. */
  readonly next: string | undefined
}

/** What a rotation renews: the data key of an environment or of a vault. */
export type Compartment = { readonly project: string; readonly environment: string } | { readonly vault: string }

export type { Grant, Permission }
