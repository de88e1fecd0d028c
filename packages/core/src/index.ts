export { type LocalKey, localKeys } from "./crypto/local-keys.ts"
export { cipher, nobleCipher, opensslCipher } from "./crypto/xchacha.ts"
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
export { Crypto, RootKeys, Settings, Storage } from "./ports/services.ts"
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
  StorageCapabilities,
  StorageErrorCode,
  StorageLimits,
  StoredRecord,
  Write,
} from "./ports/storage.ts"
export { takePage } from "./ports/take-page.ts"
export { StorageError, validateCall, validateCommit, validateList, validateRead } from "./ports/validate-commit.ts"
export { AuditLog } from "./services/audit-log.ts"
export { Directory } from "./services/directory.ts"
export { Environments } from "./services/environments.ts"
export { type EngineServices, engineLayer } from "./services/layers.ts"
export { Principals } from "./services/principals.ts"
export { Projects } from "./services/projects.ts"
export { Releases } from "./services/releases.ts"
export { Rotation } from "./services/rotation.ts"
export { Secrets } from "./services/secrets.ts"
export { liftStorage, storageLayer } from "./services/storage.ts"
export { Tokens } from "./services/tokens.ts"
export { VaultSecrets } from "./services/vault-secrets.ts"
export { Vaults } from "./services/vaults.ts"
export { Workspaces } from "./services/workspaces.ts"
export { memoryStorage } from "./storage/memory.ts"
export { openStrongroom, type Strongroom, type StrongroomOptions, strongroomLayer } from "./strongroom.ts"
