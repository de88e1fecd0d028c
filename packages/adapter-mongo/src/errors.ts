import { StorageError, type StorageErrorCode } from "@strongroom/core"

/** Wrong credentials or rights, a wrong command, a document or transaction too large: trying again does not help. */
const fatalCodes: ReadonlySet<number> = new Set([
  2, // BadValue
  9, // FailedToParse
  13, // Unauthorized
  18, // AuthenticationFailed
  20, // IllegalOperation
  59, // CommandNotFound
  67, // CannotCreateIndex
  72, // InvalidOptions
  73, // InvalidNamespace
  121, // DocumentValidationFailure
  123, // NotAReplicaSet
  166, // CommandNotSupportedOnView
  257, // TransactionTooLarge
  263, // OperationNotSupportedInTransaction
  388, // TransactionTooLargeForCache
  8000, // AtlasError
  10334, // BSONObjectTooLarge
])

const fatalNames: ReadonlySet<string> = new Set([
  "MongoCompatibilityError",
  "MongoInvalidArgumentError",
  "MongoMissingCredentialsError",
  "MongoMissingDependencyError",
  "MongoParseError",
])

// By error_codes.yml of the server: CursorNotFound, CursorKilled, SnapshotTooOld, SnapshotUnavailable.
const lostSnapshotCodes: ReadonlySet<number> = new Set([43, 237, 239, 246])

/**
 * The server is not, or no longer, the one to ask. The codes of the drivers' retryable writes and reads specifications,
 * looked at here since a mongos does not label all of them.
 */
const sentAwayCodes: ReadonlySet<number> = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  89, // NetworkTimeout
  91, // ShutdownInProgress
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9001, // SocketException
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
])
const writeConflict = 112
const duplicateKey = 11000

interface DriverError extends Error {
  readonly code?: unknown
  readonly codeName?: unknown
  readonly errorLabels: readonly unknown[]
}

/** By shape: the caller's client may come from another copy of the driver, whose classes are not ours. */
const isDriverError = (error: unknown): error is DriverError =>
  error instanceof Error && "errorLabels" in error && Array.isArray(error.errorLabels)

/** The code that a server gave. */
export const codeOf = (error: unknown): number | undefined =>
  isDriverError(error) && typeof error.code === "number" ? error.code : undefined

export const hasLabel = (error: unknown, label: string): boolean =>
  isDriverError(error) && error.errorLabels.includes(label)

/** Another transaction was first. Nothing of this one is applied, and it may be run again at once. */
export const lostRace = (error: unknown): boolean => [writeConflict, duplicateKey].includes(codeOf(error) ?? 0)

/**
 * No server said it: a connection broke, or there was none. The driver does not label all of these. Not so where the
 * client's owner has closed it: using it would open it again.
 */
export const brokeOff = (error: unknown): boolean =>
  isDriverError(error) && codeOf(error) === undefined && error.name !== "MongoClientClosedError"

/** It may be answered elsewhere, or here a little later. */
export const sentAway = (error: unknown): boolean => sentAwayCodes.has(codeOf(error) ?? 0)

/** What a read was reading from is gone; read anew, it finds another. */
export const lostSnapshot = (error: unknown): boolean => lostSnapshotCodes.has(codeOf(error) ?? 0)

/** Such as ECONNREFUSED or CERT_HAS_EXPIRED, from wherever it lies under what the driver makes of it. */
const systemCodeOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]+$/.test(error.code)) return error.code
  return systemCodeOf(error.cause)
}

/**
 * The driver's error as the port's. Only its name and codes are kept, not itself as a cause: a server's message may
 * quote what was sent (a duplicate key), a URI's error the URI, and a bulk write's error carries all documents.
 */
export const describe = (code: StorageErrorCode, error: unknown): StorageError => {
  const name = error instanceof Error ? error.name : "an error"
  const number = codeOf(error)
  const codeName = isDriverError(error) && typeof error.codeName === "string" ? ` ${error.codeName}` : ""
  const system = systemCodeOf(error)
  const detail = number !== undefined ? `${codeName} (${number})` : system !== undefined ? ` (${system})` : ""
  return new StorageError(code, `MongoDB: ${name}${detail}`)
}

/** For what failed before anything was sent to be committed. */
export const notApplied = (error: unknown): StorageError => {
  if (error instanceof StorageError) return error
  const isFatal = fatalCodes.has(codeOf(error) ?? 0) || (isDriverError(error) && fatalNames.has(error.name))
  return describe(isFatal ? "FATAL" : "UNAVAILABLE", error)
}
