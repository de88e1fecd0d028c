import { StorageError, type StorageErrorCode } from "@strongroom/core"
import { MongoError, MongoServerError } from "mongodb"

/** Wrong credentials or rights, a wrong command, a document or transaction too large: trying again does not help. */
const fatalCodes: ReadonlySet<number> = new Set([
  2, // BadValue
  9, // FailedToParse
  13, // Unauthorized
  18, // AuthenticationFailed
  20, // IllegalOperation
  59, // CommandNotFound
  72, // InvalidOptions
  73, // InvalidNamespace
  263, // OperationNotSupportedInTransaction
  8000, // AtlasError
  10334, // BSONObjectTooLarge
])

const writeConflict = 112
const duplicateKey = 11000

const codeOf = (error: unknown): number | undefined =>
  error instanceof MongoServerError && typeof error.code === "number" ? error.code : undefined

/** Another transaction was first. Nothing of this one is applied, and it may be run again at once. */
export const lostRace = (error: unknown): boolean => [writeConflict, duplicateKey].includes(codeOf(error) ?? 0)

export const hasLabel = (error: unknown, label: string): boolean =>
  error instanceof MongoError && error.hasErrorLabel(label)

/**
 * What the driver threw before anything was sent to be committed, as the port's error. Only the name and code of it are
 * kept: a server's message may quote what was sent (a duplicate key, a document).
 */
export const notApplied = (error: unknown): StorageError => {
  if (error instanceof StorageError) return error
  const code = codeOf(error)
  return describe(code !== undefined && fatalCodes.has(code) ? "FATAL" : "UNAVAILABLE", error)
}

export const describe = (code: StorageErrorCode, error: unknown): StorageError => {
  const name = error instanceof Error ? error.name : "an error"
  const server = error instanceof MongoServerError ? ` ${error.codeName ?? ""} (${error.code})` : ""
  return new StorageError(code, `MongoDB: ${name}${server}`)
}
