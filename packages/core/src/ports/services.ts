import { Context } from "effect"
import type { Effect } from "effect/Effect"
import type { MatchOptions } from "../domain/domain-match.ts"
import type { EngineError } from "../domain/errors.ts"
import type { Cipher } from "./cipher.ts"
import type { KeyProvider } from "./keys.ts"
import type { Logger } from "./logger.ts"
import type { Address, Commit, CommitResult, ListOptions, Page, StorageLimits, StoredRecord } from "./storage.ts"

/** The ports as Effect services: what the use cases ask their surroundings for. */

/** `unknown`: the commit may or may not have been applied. A failure means that it was not. */
export type CommitAttempt = CommitResult | { readonly status: "unknown" }

export interface StorageShape {
  readonly limits: StorageLimits
  readonly read: (
    partition: string,
    addresses: readonly Address[],
  ) => Effect<readonly (StoredRecord | undefined)[], EngineError>
  readonly list: (partition: string, collection: string, options: ListOptions) => Effect<Page, EngineError>
  readonly commit: (partition: string, commit: Commit) => Effect<CommitAttempt, EngineError>
}

export class Storage extends Context.Service<Storage, StorageShape>()("@strongroom/core/Storage") {}

/** Wraps and unwraps the workspaces' keys. */
export class RootKeys extends Context.Service<RootKeys, KeyProvider>()("@strongroom/core/RootKeys") {}

/** The cipher suite and the random bytes it is used with. */
export class Crypto extends Context.Service<
  Crypto,
  {
    readonly cipher: Cipher
    /** Random bytes that were never handed out before. */
    readonly random: (length: number) => Uint8Array
  }
>()("@strongroom/core/Crypto") {}

export class Settings extends Context.Service<
  Settings,
  {
    /** Whether a disclosure commits an audit entry before the plaintext leaves. */
    readonly auditReads: boolean
    /** Environments × secrets that one create request may name. */
    readonly valuesPerRequest: number
    /** How the allowed domains of vault secrets are compared, and whether each must have some. Absent: the defaults. */
    readonly allowedDomains?: MatchOptions & { readonly required?: boolean }
    readonly logger: Logger
  }
>()("@strongroom/core/Settings") {}
