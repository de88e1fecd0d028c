/** The rules of the storage port that need no store to check. Every adapter applies them before it touches anything. */
import type { Address, CallOptions, Commit, ListOptions, StorageErrorCode, StorageLimits } from "./storage.ts"

/** What an adapter rejects with. Core reads only `code`, so an adapter of one's own may throw any object that has one. */
export class StorageError extends Error {
  override readonly name = "StorageError"
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const part = /^[A-Za-z0-9_.~-]{1,128}$/
const revision = /^[0-9A-Z]{26}$/

// Messages name the kind of the part, not its text: what is malformed may be anything, a secret among them.
const requirePart = (kind: string, text: unknown): void => {
  if (typeof text !== "string" || !part.test(text)) {
    throw new StorageError("FATAL", `${kind} must be 1 to 128 characters of [A-Za-z0-9_.~-]`)
  }
}

const requireAddress = ({ collection, leaf }: Address): void => {
  requirePart("collection", collection)
  requirePart("leaf", leaf)
}

/** "/" is outside the alphabet, so distinct addresses have distinct texts. */
const text = ({ collection, leaf }: Address): string => `${collection}/${leaf}`

/** Adds an address that must be well formed and not given before. */
const addTo = (seen: Set<string>, kind: string, address: Address): string => {
  requireAddress(address)
  const key = text(address)
  if (seen.has(key)) throw new StorageError("FATAL", `two ${kind} at ${key}`)
  seen.add(key)
  return key
}

/** A call whose signal is aborted already never reaches the store, so it is certain that nothing was applied. */
export const validateCall = (options: CallOptions | undefined): void => {
  if (options?.signal?.aborted) {
    throw new StorageError("UNAVAILABLE", "aborted before it was sent", { cause: options.signal.reason })
  }
}

export const validateRead = (partition: string, addresses: readonly Address[]): void => {
  requirePart("partition", partition)
  addresses.forEach(requireAddress)
}

export const validateList = (partition: string, collection: string, options: ListOptions): void => {
  requirePart("partition", partition)
  requirePart("collection", collection)
  if (options.after !== undefined) requirePart("after", options.after)
  if (!Number.isInteger(options.limit) || options.limit < 1) {
    throw new StorageError("FATAL", "limit must be an integer of at least 1")
  }
  if (!(options.maxBytes >= 0)) throw new StorageError("FATAL", "maxBytes must be a number of at least 0")
}

/** Throws `FATAL` where the port's rules are broken and `LIMIT` where the adapter's limits are. */
export const validateCommit = (partition: string, { checks, writes }: Commit, limits: StorageLimits): void => {
  requirePart("partition", partition)
  if (writes.length === 0) throw new StorageError("FATAL", "a commit needs at least one write")
  for (const count of [checks.length, writes.length]) {
    if (count > limits.commitRecords) {
      throw new StorageError("LIMIT", `${count} records in one commit, the limit is ${limits.commitRecords}`)
    }
  }
  const written = new Set<string>()
  for (const write of writes) addTo(written, "writes", write)
  const checked = new Set<string>()
  for (const check of checks) {
    const at = addTo(checked, "checks", check)
    if (check.revision === undefined) {
      if (!written.has(at)) {
        throw new StorageError("FATAL", `absence is checked at ${at}, which this commit does not write`)
      }
    } else if (!revision.test(check.revision)) {
      throw new StorageError("FATAL", `the revision checked at ${at} is malformed`)
    }
  }
  let bytes = 0
  for (const write of writes) {
    const { record } = write
    if (record === undefined) continue
    if (!revision.test(record.revision)) {
      throw new StorageError("FATAL", `the revision written at ${text(write)} is malformed`)
    }
    if (!(record.bytes instanceof Uint8Array)) {
      throw new StorageError("FATAL", `what is written at ${text(write)} is no Uint8Array`)
    }
    if (record.bytes.length > limits.recordBytes) {
      throw new StorageError(
        "LIMIT",
        `${text(write)} has ${record.bytes.length} bytes, the limit is ${limits.recordBytes}`,
      )
    }
    bytes += record.bytes.length
  }
  if (bytes > limits.commitBytes) {
    throw new StorageError("LIMIT", `${bytes} bytes in one commit, the limit is ${limits.commitBytes}`)
  }
}
