import type {
  Address,
  Check,
  CommitResult,
  ListedRecord,
  StorageErrorCode,
  StoredRecord,
  Write,
} from "@strongroom/core"
import type { Call, CommitCall } from "../../../src/histories/calls.ts"

/** When a call was made and when it replied. */
export type Span = readonly [invoked: number, returned: number]

export const x: Address = { collection: "c", leaf: "x" }
export const y: Address = { collection: "c", leaf: "y" }

export const recordOf = (revision: string): StoredRecord => ({ revision, bytes: new TextEncoder().encode(revision) })

export const check = (address: Address, revision: string | undefined): Check => ({ ...address, revision })
export const put = (address: Address, revision: string): Write => ({ ...address, record: recordOf(revision) })
export const remove = (address: Address): Write => ({ ...address, record: undefined })

const committed: CommitResult = { status: "committed" }
export const conflict = (...addresses: Address[]): CommitResult => ({ status: "conflict", addresses })
export const rejected = (code: StorageErrorCode) => ({ status: "rejected" as const, code })

/** Each call here is a client's own, so that any spans may overlap. */
let clients = 0

export const commit = (
  [invoked, returned]: Span,
  checks: readonly Check[],
  writes: readonly Write[],
  reply: CommitCall["reply"] = committed,
): Call => ({ kind: "commit", client: clients++, invoked, returned, commit: { checks, writes }, reply })

/** Reads and finds these revisions. */
export const read = (
  [invoked, returned]: Span,
  found: readonly (readonly [address: Address, revision: string | undefined])[],
): Call => ({
  kind: "read",
  client: clients++,
  invoked,
  returned,
  addresses: found.map(([address]) => address),
  reply: {
    status: "read",
    records: found.map(([, revision]) => (revision === undefined ? undefined : recordOf(revision))),
  },
})

/** Lists the collection and finds these leaves with these revisions. */
export const list = (
  [invoked, returned]: Span,
  found: readonly (readonly [leaf: string, revision: string])[],
  { after, more = false }: { after?: string; more?: boolean } = {},
): Call => ({
  kind: "list",
  client: clients++,
  invoked,
  returned,
  collection: "c",
  options: { limit: 10, maxBytes: 1_000, ...(after === undefined ? {} : { after }) },
  reply: {
    status: "listed",
    page: { more, records: found.map(([leaf, revision]): ListedRecord => ({ leaf, record: recordOf(revision) })) },
  },
})
