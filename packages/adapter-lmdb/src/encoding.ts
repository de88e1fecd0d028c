/** How records stand in LMDB: under `partition NUL collection NUL leaf`, as the revision and then the bytes. */
import type { Address, StoredRecord } from "@strongroom/core"

const revisionLength = 26

// NUL and 0x01 are outside the alphabet and sort before it: no name can run into the next part.
export const keyPrefix = (partition: string, collection: string): string => `${partition}\0${collection}\0`
/** Sorts after all keys of the collection. */
export const keysEnd = (partition: string, collection: string): string => `${partition}\0${collection}\x01`
export const keyOf = (partition: string, { collection, leaf }: Address): string =>
  keyPrefix(partition, collection) + leaf

/** Writes keys, which are ASCII, straight to where lmdb wants them. */
export const keyEncoder = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start, "latin1"),
  readKey: (source: Buffer, start: number, end: number): string => source.toString("latin1", start, end),
}

/**
 * `value` is lmdb's own memory, of 16 MiB, and holds this only until the next call. The copy is in Node's pool, which is
 * cheaper than memory of its own.
 */
export const valueEncoder = {
  encode: (value: Buffer): Buffer => value,
  decode: (value: Buffer): Buffer => {
    const copy = Buffer.allocUnsafe(value.length)
    value.copy(copy, 0, 0, value.length)
    return copy
  },
}

/** Copies. */
export const encodeRecord = ({ revision, bytes }: StoredRecord): Buffer => {
  const value = Buffer.allocUnsafe(revisionLength + bytes.length)
  value.write(revision, "latin1")
  value.set(bytes, revisionLength)
  return value
}

export const revisionOf = (value: Buffer): string => value.toString("latin1", 0, revisionLength)

/** Does not copy. */
export const decodeRecord = (value: Buffer): StoredRecord => {
  // By `subarray`, which gives nothing where somebody has cut the value short: core then tells which record it is.
  const bytes = value.subarray(revisionLength)
  return { revision: revisionOf(value), bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) }
}
