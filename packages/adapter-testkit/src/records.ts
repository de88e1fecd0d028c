/** Addresses, checks, writes and records as the clauses use them. */
import { createHash, randomBytes } from "node:crypto"
import type { Address, Check, Page, StoredRecord, Write } from "@strongroom/core"

export const at = (leaf: string, collection = "c"): Address => ({ collection, leaf })

/** Random, so that it is never the same in two processes either. */
export const newRevision = (): string => randomBytes(13).toString("hex").toUpperCase()

export const put = (address: Address, bytes: Uint8Array | string = "x", revision = newRevision()): Write => ({
  collection: address.collection,
  leaf: address.leaf,
  record: { revision, bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes },
})

export const remove = ({ collection, leaf }: Address): Write => ({ collection, leaf, record: undefined })

export const absent = ({ collection, leaf }: Address): Check => ({ collection, leaf, revision: undefined })

/** The check that what was written is still there. */
export const unchanged = ({ collection, leaf, record }: Write): Check => ({
  collection,
  leaf,
  revision: record?.revision,
})

/** A check that fails wherever it stands. */
export const stale = ({ collection, leaf }: Address): Check => ({ collection, leaf, revision: newRevision() })

export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

/** "/" is outside the alphabet of names. */
export const nameOf = ({ collection, leaf }: Address): string => `${collection}/${leaf}`

/** What makes two records equal, in a form whose difference can be printed whatever their size. */
export const digest = (record: StoredRecord | undefined): string => {
  if (record === undefined) return "absent"
  const hash = createHash("sha256").update(record.bytes).digest("hex").slice(0, 16)
  return `${record.revision}, ${record.bytes.length} bytes, sha256 ${hash}`
}

export const digests = (records: readonly (StoredRecord | undefined)[]): string[] => records.map(digest)

/** The options of a list that is one page. */
export const everything = { limit: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER }

export const leavesOf = (page: Page): string[] => page.records.map(({ leaf }) => leaf)

export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
