/**
 * Error codes, names and labels as the server gives them.
 *
 * Codes, names and the class "retriable": `src/mongo/base/error_codes.yml` of the server's public source. Which error
 * carries which label: `src/mongo/db/error_labels.cpp`, and "Error Labels" in the drivers' specifications
 * `transactions.md` and `retryable-writes.md`.
 */
import type { Doc } from "./values.ts"

const codeNames = {
  2: "BadValue",
  6: "HostUnreachable",
  7: "HostNotFound",
  9: "FailedToParse",
  20: "IllegalOperation",
  23: "AlreadyInitialized",
  24: "LockTimeout",
  26: "NamespaceNotFound",
  43: "CursorNotFound",
  48: "NamespaceExists",
  50: "MaxTimeMSExpired",
  59: "CommandNotFound",
  64: "WriteConcernTimeout",
  66: "ImmutableField",
  67: "CannotCreateIndex",
  72: "InvalidOptions",
  79: "UnknownReplWriteConcern",
  85: "IndexOptionsConflict",
  86: "IndexKeySpecsConflict",
  89: "NetworkTimeout",
  91: "ShutdownInProgress",
  100: "UnsatisfiableWriteConcern",
  112: "WriteConflict",
  115: "CommandNotSupported",
  123: "NotAReplicaSet",
  134: "ReadConcernMajorityNotAvailableYet",
  189: "PrimarySteppedDown",
  225: "TransactionTooOld",
  237: "CursorKilled",
  239: "SnapshotTooOld",
  246: "SnapshotUnavailable",
  251: "NoSuchTransaction",
  256: "TransactionCommitted",
  262: "ExceededTimeLimit",
  263: "OperationNotSupportedInTransaction",
  267: "PreparedTransactionInProgress",
  9001: "SocketException",
  323: "APIStrictError",
  10107: "NotWritablePrimary",
  10334: "BSONObjectTooLarge",
  11000: "DuplicateKey",
  11600: "InterruptedAtShutdown",
  11601: "Interrupted",
  11602: "InterruptedDueToReplStateChange",
  13435: "NotPrimaryNoSecondaryOk",
  13436: "NotPrimaryOrSecondary",
  50911: "Location50911",
} as const

export type ErrorCode = keyof typeof codeNames

const notPrimary = new Set<ErrorCode>([91, 189, 10107, 11600, 11602, 13435, 13436])
const retriable = new Set<ErrorCode>([...notPrimary, 6, 7, 89, 134, 262, 9001])
const transient = new Set<ErrorCode>([24, 112, 239, 246, 267])

/** A failure that the server reports; `details` are further fields of the reply or write error. */
export class ServerError extends Error {
  readonly code: ErrorCode
  readonly details: Doc
  constructor(code: ErrorCode, message: string, details: Doc = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** The server's class "interruption": the operation was ended from outside. */
export const isInterruption = (code: ErrorCode): boolean => [24, 50, 11600, 11601, 11602].includes(code)

export const codeName = (code: ErrorCode): string => codeNames[code]

export const isWriteConflict = (error: unknown): boolean => error instanceof ServerError && error.code === 112

export const writeConflict = (): ServerError =>
  new ServerError(
    112,
    "WriteConflict error: this operation conflicted with another operation. " +
      "Please retry your operation or multi-document transaction.",
  )

/** Whether the driver takes this code to mean that the server is no longer primary, or is going away. */
export const isStateChange = (code: ErrorCode): boolean => notPrimary.has(code)

/** Whether an error, thrown by a statement inside a transaction, tells the client to run the whole transaction anew. */
export const isTransient = (code: ErrorCode, commitOrAbort: boolean): boolean =>
  transient.has(code) || code === 251 || (!commitOrAbort && retriable.has(code))

export interface LabelContext {
  readonly txnNumber: boolean
  readonly autocommit: boolean
  readonly commitOrAbort: boolean
  readonly mongos: boolean
}

export const labelsOf = (code: ErrorCode, context: LabelContext, concern = false): readonly string[] => {
  if (!context.txnNumber) return []
  // After a commit whose write concern failed, the data may yet be rolled back or not: no label then.
  if (context.autocommit && !concern && isTransient(code, context.commitOrAbort)) return ["TransientTransactionError"]
  const retryableWrite = !context.autocommit || context.commitOrAbort
  return retryableWrite && !context.mongos && retriable.has(code) ? ["RetryableWriteError"] : []
}
