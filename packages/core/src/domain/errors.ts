/** Every code a caller can meet. Stable: a code is never renamed or reused. What to do about each: docs/errors.md. */
export const errorCodes = [
  // the request
  "INVALID_INPUT",
  "INVALID_DOMAIN",
  "LIMIT_EXCEEDED",
  // who asks
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "RELEASE_DENIED",
  // what is named does not exist, or may not be seen
  "WORKSPACE_NOT_FOUND",
  "PROJECT_NOT_FOUND",
  "ENVIRONMENT_NOT_FOUND",
  "SECRET_NOT_FOUND",
  "VAULT_NOT_FOUND",
  "PRINCIPAL_NOT_FOUND",
  "TOKEN_NOT_FOUND",
  // the present state does not allow it
  "SLUG_TAKEN",
  "ENVIRONMENT_EXISTS",
  "SECRET_EXISTS",
  "SECRET_DIFFERS",
  "VAULT_NOT_EMPTY",
  "TOKEN_EXISTS",
  // storage
  "STORAGE_UNAVAILABLE",
  "STORAGE_BUSY",
  "STORAGE_FAILED",
  "OUTCOME_UNKNOWN",
  "CLOSED",
  // what is stored cannot be trusted, or not be opened
  "INTEGRITY",
  "KEYSET_MISSING",
  "KEYSET_ROLLED_BACK",
  "FORMAT_UNSUPPORTED",
  "ROOT_KEY_UNKNOWN",
  "KEY_PROVIDER_FAILED",
  // a fault of our own
  "INTERNAL",
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** Machine-readable facts beside the message: ids, names, paths and limits, never a value. */
export type ErrorDetails = Readonly<Record<string, string | number | readonly string[]>>

/** The one error class of the engine. `_tag` equals `code`, so `Effect.catchTag("SECRET_EXISTS", …)` works. */
export class StrongroomError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "StrongroomError"
  readonly _tag: Code
  readonly code: Code
  readonly details: ErrorDetails

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message)
    this._tag = code
    this.code = code
    this.details = details
  }
}

/** What every service fails with: a union over the codes, so that tags can be told apart. */
export type EngineError = { [Code in ErrorCode]: StrongroomError<Code> }[ErrorCode]

/** `path` names the field, as in `secrets[0].name`; empty for the input as a whole. */
export const invalidInput = (path: string, reason: string): StrongroomError<"INVALID_INPUT"> =>
  new StrongroomError("INVALID_INPUT", path === "" ? reason : `${path}: ${reason}`, { path, reason })

export const isStrongroomError = (error: unknown): error is EngineError => error instanceof StrongroomError
