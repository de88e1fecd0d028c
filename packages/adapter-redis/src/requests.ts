import {
  type Address,
  type Commit,
  type ListOptions,
  type Page,
  StorageError,
  type StorageErrorCode,
  type StoredRecord,
} from "@strongroom/core"
import type { Keys } from "./keys.ts"
import type { Argument } from "./resp.ts"
import { marks } from "./scripts.ts"

/** What a script is called with, and what its answer means. */
export interface Request<T> {
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  readonly decode: (reply: unknown) => T
}

const revisionLength = 26

/** A copy: `value` is a slice of what came over the socket. In Node's pool, which is cheaper than memory of its own. */
const decode = (value: Buffer): StoredRecord => {
  // By `subarray`, which gives nothing where somebody has cut the value short: core then tells which record it is.
  const copy = Buffer.from(value.subarray(revisionLength))
  return {
    revision: value.toString("latin1", 0, revisionLength),
    bytes: new Uint8Array(copy.buffer, copy.byteOffset, copy.length),
  }
}

/** More than Redis can hold, and few enough digits for Lua to write as a whole number. */
const most = Number.MAX_SAFE_INTEGER

const strangeAnswer = (code: StorageErrorCode) => new StorageError(code, "Redis gave an answer that is none of ours")

const listOf = (reply: unknown, otherwise: StorageErrorCode = "FATAL"): readonly unknown[] => {
  if (!Array.isArray(reply)) throw strangeAnswer(otherwise)
  return reply
}

export const readRequest = (
  keys: Keys,
  partition: string,
  addresses: readonly Address[],
): Request<(StoredRecord | undefined)[]> => {
  const collections = new Map<string, Map<number, string>>()
  for (const [index, { collection, leaf }] of addresses.entries()) {
    const leaves = collections.get(collection)
    if (leaves === undefined) collections.set(collection, new Map([[index, leaf]]))
    else leaves.set(index, leaf)
  }
  const hashes: string[] = []
  const args: Argument[] = []
  const order: number[] = []
  for (const [collection, leaves] of collections) {
    hashes.push(keys.hash(partition, collection))
    args.push(leaves.size)
    for (const [index, leaf] of leaves) {
      args.push(leaf)
      order.push(index)
    }
  }
  return {
    keys: hashes,
    args,
    decode: (reply) => {
      const values = listOf(reply)
      const records = new Array<StoredRecord | undefined>(order.length).fill(undefined)
      for (const [i, index] of order.entries()) {
        const value = values[i]
        if (Buffer.isBuffer(value)) records[index] = decode(value)
      }
      return records
    },
  }
}

export const listRequest = (
  keys: Keys,
  partition: string,
  collection: string,
  options: ListOptions,
): Request<Page> => ({
  keys: [keys.hash(partition, collection), keys.sortedSet(partition, collection)],
  args: [
    options.after === undefined ? "-" : `(${options.after}`,
    Math.min(options.limit, most),
    Math.min(options.maxBytes, most),
  ],
  decode: (reply) => {
    const [more, ...found] = listOf(reply)
    const records: { leaf: string; record: StoredRecord }[] = []
    for (let i = 0; i < found.length; i += 2) {
      const [leaf, value] = [found[i], found[i + 1]]
      if (!Buffer.isBuffer(leaf) || !Buffer.isBuffer(value)) {
        throw new StorageError("FATAL", "a leaf is listed that has no record")
      }
      records.push({ leaf: leaf.toString("latin1"), record: decode(value) })
    }
    return { records, more: more === 1 }
  },
})

interface Entry {
  revision: string
  value: StoredRecord | string
}

/** Decodes to the addresses whose check failed; none: committed. */
export const commitRequest = (keys: Keys, partition: string, { checks, writes }: Commit): Request<Address[]> => {
  const collections = new Map<string, Map<string, Entry>>()
  const entryAt = ({ collection, leaf }: Address): Entry => {
    const entries = collections.get(collection) ?? new Map<string, Entry>()
    const entry = entries.get(leaf) ?? { revision: marks.unchecked, value: marks.untouched }
    collections.set(collection, entries.set(leaf, entry))
    return entry
  }
  for (const write of writes) entryAt(write).value = write.record ?? marks.deleted
  const written = [...collections.keys()]
  for (const check of checks) entryAt(check).revision = check.revision ?? ""
  const args: Argument[] = [collections.size]
  for (const entries of collections.values()) {
    args.push(entries.size)
    for (const [leaf, { revision, value }] of entries) args.push(leaf, revision, value)
  }
  return {
    keys: [
      ...[...collections.keys()].map((collection) => keys.hash(partition, collection)),
      ...written.map((collection) => keys.sortedSet(partition, collection)),
    ],
    args,
    decode: (reply) => {
      const failed = listOf(reply, "UNKNOWN_OUTCOME")
      if (failed.length === 0) return []
      const addresses = [...collections].flatMap(([collection, entries]) =>
        [...entries.keys()].map((leaf): Address => ({ collection, leaf })),
      )
      return failed.map((number) => {
        const address = addresses[Number(number)]
        if (address === undefined) throw strangeAnswer("UNKNOWN_OUTCOME")
        return address
      })
    },
  }
}
