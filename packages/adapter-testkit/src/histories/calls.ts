import type {
  Address,
  Commit,
  CommitResult,
  ListOptions,
  Page,
  StorageAdapter,
  StorageErrorCode,
  StoredRecord,
} from "@strongroom/core"

/** A call that was rejected. What commits reject with that is no code of the port counts as `UNKNOWN_OUTCOME`. */
export interface Rejected {
  readonly status: "rejected"
  readonly code: StorageErrorCode
}

interface Span {
  /** Who called: a client makes one call after the other. */
  readonly client: number
  /** When it was called and when it replied: places in one order of all those events, each used once. */
  readonly invoked: number
  readonly returned: number
}

export interface ReadCall extends Span {
  readonly kind: "read"
  readonly addresses: readonly Address[]
  readonly reply: Rejected | { readonly status: "read"; readonly records: Awaited<ReturnType<StorageAdapter["read"]>> }
}

export interface ListCall extends Span {
  readonly kind: "list"
  readonly collection: string
  readonly options: ListOptions
  readonly reply: Rejected | { readonly status: "listed"; readonly page: Page }
}

export interface CommitCall extends Span {
  readonly kind: "commit"
  readonly commit: Commit
  readonly reply: Rejected | CommitResult
}

/** A call to a storage adapter, and what came of it. */
export type Call = ReadCall | ListCall | CommitCall

/** An address as text. "/" is outside the alphabet, so distinct addresses have distinct texts. */
export const textOf = ({ collection, leaf }: Address): string => `${collection}/${leaf}`

/** Same revision, same bytes. */
export const sameRecord = (left: StoredRecord | undefined, right: StoredRecord | undefined): boolean =>
  left === undefined || right === undefined
    ? left === right
    : left.revision === right.revision &&
      left.bytes.length === right.bytes.length &&
      left.bytes.every((byte, index) => byte === right.bytes[index])
