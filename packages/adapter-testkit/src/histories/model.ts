import type { Commit, Page, StoredRecord } from "@strongroom/core"
import { type Call, sameRecord, textOf } from "./calls.ts"

/** What a partition holds, by the texts of its addresses. */
export type State = ReadonlyMap<string, StoredRecord>

/** The addresses whose checks fail, sorted. */
const failing = (state: State, { checks }: Commit): readonly string[] =>
  checks
    .filter((check) => state.get(textOf(check))?.revision !== check.revision)
    .map(textOf)
    .sort()

const written = (state: State, { writes }: Commit): State => {
  const next = new Map(state)
  for (const write of writes) {
    if (write.record === undefined) next.delete(textOf(write))
    else next.set(textOf(write), write.record)
  }
  return next
}

/** All records of a collection in the byte order of their leaves (which are ASCII), after one of them. */
const recordsOf = (state: State, collection: string, after: string | undefined) =>
  [...state]
    .filter(([text]) => text.startsWith(`${collection}/`))
    .map(([text, record]) => ({ leaf: text.slice(collection.length + 1), record }))
    .filter(({ leaf }) => after === undefined || leaf > after)
    .sort((left, right) => (left.leaf < right.leaf ? -1 : 1))

/** A page may end early, so long as it says so and is not empty: how long pages are is no matter of order. */
const isPageOf = (found: ReturnType<typeof recordsOf>, { records, more }: Page): boolean =>
  more === found.length > records.length &&
  (records.length > 0 || found.length === 0) &&
  records.every(({ leaf, record }, index) => leaf === found[index]?.leaf && sameRecord(record, found[index]?.record))

/**
 * The storage port as a sequential object: the state after a call that replied as it did, or `undefined` when it could
 * not have replied so in this state. Calls that write nothing return the state itself.
 *
 * Of calls that were rejected only commits of unknown outcome matter; for these it tells the state after their
 * application.
 */
export const stateAfter = (state: State, call: Call): State | undefined => {
  const { kind, reply } = call
  switch (kind) {
    case "read": {
      if (reply.status === "rejected") return state
      const { addresses } = call
      const right =
        reply.records.length === addresses.length &&
        addresses.every((address, index) => sameRecord(reply.records[index], state.get(textOf(address))))
      return right ? state : undefined
    }
    case "list": {
      if (reply.status === "rejected") return state
      return isPageOf(recordsOf(state, call.collection, call.options.after), reply.page) ? state : undefined
    }
    case "commit": {
      const failed = failing(state, call.commit)
      if (reply.status === "conflict") {
        const named = reply.addresses.map(textOf).sort()
        return failed.length > 0 && named.join() === failed.join() ? state : undefined
      }
      return failed.length === 0 ? written(state, call.commit) : undefined
    }
  }
}
