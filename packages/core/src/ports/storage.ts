/** The storage port: an ordered key space with atomic, checked commits. See docs/record-format.md for what core keeps in it. */

/** Where a record lives inside its partition. Each part is 1–128 bytes of `[A-Za-z0-9_.~-]`; leaves sort by bytes. */
export interface Address {
  readonly collection: string
  readonly leaf: string
}

/**
 * What is stored: opaque bytes and the revision of the commit that wrote them (26 characters of `[0-9A-Z]`, never used twice).
 * The bytes may be a piece of a larger block of memory: `bytes.buffer` alone is not what is stored.
 */
export interface StoredRecord {
  readonly revision: string
  readonly bytes: Uint8Array
}

export interface ListedRecord {
  readonly leaf: string
  readonly record: StoredRecord
}

/** One page of a collection, in the byte order of its leaves. `more` tells whether leaves follow the last one here. */
export interface Page {
  readonly records: readonly ListedRecord[]
  readonly more: boolean
}

export interface ListOptions {
  /** Only leaves that sort after this one. */
  readonly after?: string
  /** At most this many records; at least 1. */
  readonly limit: number
  /** Stop before the page's record bytes exceed this, but never return an empty page while records remain. */
  readonly maxBytes: number
}

/** The address must hold exactly this revision, or (`undefined`) nothing at all. Absence is only checked where the commit also writes. */
export interface Check extends Address {
  readonly revision: string | undefined
}

/** Puts the record, or (`undefined`) deletes whatever is at the address. */
export interface Write extends Address {
  readonly record: StoredRecord | undefined
}

/** At least one write; an address stands at most once among the checks and at most once among the writes. */
export interface Commit {
  readonly checks: readonly Check[]
  readonly writes: readonly Write[]
}

/** `conflict` names exactly the addresses whose check failed; nothing was written. */
export type CommitResult =
  | { readonly status: "committed" }
  | { readonly status: "conflict"; readonly addresses: readonly Address[] }

export interface CallOptions {
  /** An abort before sending cancels the call; an abort of a commit after sending is `UNKNOWN_OUTCOME`. */
  readonly signal?: AbortSignal
}

/** What one commit and one record may hold. Every adapter takes at least 1 MiB a record, 1,000 records and 8 MiB a commit. */
export interface StorageLimits {
  readonly recordBytes: number
  readonly commitRecords: number
  readonly commitBytes: number
}

/** What an adapter declares of itself. The conformance kit tests what is declared and prints the exceptions. */
export interface StorageCapabilities {
  /** Acknowledged commits are there after the process, or the machine, has died. */
  readonly durable: boolean
  /** Several clients, in one process or in many, may use one store at the same time. */
  readonly shared: boolean
  /** Where the port's promises end, a sentence each (e.g. what a failover may lose). Empty: nowhere. */
  readonly exceptions: readonly string[]
}

/**
 * What an adapter rejects with: any error-like object with one of these strings as `code`.
 *
 * - `UNKNOWN_OUTCOME`: the commit may or may not have been applied (anything else thrown by `commit` counts as this)
 * - `UNAVAILABLE`: not applied; the store cannot be reached now
 * - `BUSY`: not applied; internal races were lost until the retries ran out
 * - `LIMIT`: not applied; over the announced limits
 * - `CLOSED`: not applied; `close()` was called before
 * - `FATAL`: not applied, and trying again does not help
 */
export type StorageErrorCode = "UNKNOWN_OUTCOME" | "UNAVAILABLE" | "BUSY" | "LIMIT" | "CLOSED" | "FATAL"

/**
 * What an adapter author writes: plain async functions over opaque bytes.
 *
 * Within a partition reads and commits are strictly serializable: a read sees every commit that returned before it
 * began, from any client, and a check is as strong as a write. A commit never spans partitions.
 */
export interface StorageAdapter {
  readonly limits: StorageLimits
  readonly capabilities: StorageCapabilities
  /** One record per address, in order, all from one snapshot. */
  read(
    partition: string,
    addresses: readonly Address[],
    options?: CallOptions,
  ): Promise<readonly (StoredRecord | undefined)[]>
  /** One page is one snapshot; several pages are not. */
  list(partition: string, collection: string, options: ListOptions & CallOptions): Promise<Page>
  /** Evaluates all checks, then applies all writes or none; durable when it resolves. */
  commit(partition: string, commit: Commit, options?: CallOptions): Promise<CommitResult>
  close(): Promise<void>
}
