export {
  type EngineError,
  type ErrorCode,
  type ErrorDetails,
  errorCodes,
  isStrongroomError,
  StrongroomError,
} from "./domain/errors.ts"
export * as fields from "./domain/fields.ts"
export { redact, reveal } from "./domain/fields.ts"
export type * from "./domain/model.ts"
export type { Grant, Permission, Principal, Scope } from "./domain/permission.ts"
export type { Cipher } from "./ports/cipher.ts"
export type { KeyContext, KeyProvider } from "./ports/keys.ts"
export type { Logger } from "./ports/logger.ts"
export type {
  Address,
  CallOptions,
  Check,
  Commit,
  CommitResult,
  ListedRecord,
  ListOptions,
  Page,
  StorageAdapter,
  StorageErrorCode,
  StorageLimits,
  StoredRecord,
  Write,
} from "./ports/storage.ts"
export type { Strongroom } from "./strongroom.ts"
