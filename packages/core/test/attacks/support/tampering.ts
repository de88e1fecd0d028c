import { nameOf } from "../../../src/records/sealed-record.ts"
import type { Stored } from "./database.ts"

/** The records with these in the place of those of the same name; further ones are added. */
export const withChanges = (records: readonly Stored[], changed: readonly Stored[]): readonly Stored[] => {
  const byName = new Map([...records, ...changed].map((stored) => [nameOf(stored), stored]))
  return [...byName.values()]
}

export const withBytes = (stored: Stored, bytes: Uint8Array): Stored => ({
  ...stored,
  record: { ...stored.record, bytes },
})

const kindOf = (collection: string): string => collection.replace(/\..*$/, "")

/** A record of a workspace that lives in a collection of the same kind. */
export const likeOf = (records: readonly Stored[], workspace: string, collection: string): Stored => {
  const found = records.find(
    (stored) => stored.partition === workspace && kindOf(stored.collection) === kindOf(collection),
  )
  if (found === undefined) throw new Error(`no ${collection} is stored`)
  return found
}
