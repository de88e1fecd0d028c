import type { StorageAdapter } from "../../src/ports/storage.ts"
import { intercept } from "./intercept.ts"

/** What stands in a store, as far as it was written through observed adapters. */
export interface Census {
  readonly observe: (adapter: StorageAdapter) => StorageAdapter
  /** Every record's revision, by `partition/collection/leaf`. Revisions are never used twice, so equal maps are equal stores. */
  readonly revisions: () => Promise<ReadonlyMap<string, string>>
  /** How many records each collection of a partition holds; empty ones are left out. */
  readonly counts: (partition: string) => Promise<Readonly<Record<string, number>>>
}

/** The port can list a collection only by its name, so this notes which collections are written to. */
export const census = (reader: StorageAdapter): Census => {
  const collections = new Map<string, Set<string>>()

  const listAll = async (partition: string, collection: string) => {
    const found = []
    let after: string | undefined
    do {
      const options = { limit: 1_000, maxBytes: 8_388_608, ...(after === undefined ? {} : { after }) }
      const page = await reader.list(partition, collection, options)
      found.push(...page.records)
      after = page.more ? page.records.at(-1)?.leaf : undefined
    } while (after !== undefined)
    return found
  }

  return {
    observe: (adapter) =>
      intercept(adapter, {
        before(call) {
          if (call.kind !== "commit") return
          const known = collections.get(call.partition) ?? new Set()
          collections.set(call.partition, known)
          for (const { collection } of call.commit.writes) known.add(collection)
        },
      }),
    async revisions() {
      const revisions = new Map<string, string>()
      for (const [partition, names] of collections) {
        for (const collection of names) {
          for (const { leaf, record } of await listAll(partition, collection)) {
            revisions.set(`${partition}/${collection}/${leaf}`, record.revision)
          }
        }
      }
      return revisions
    },
    async counts(partition) {
      const counts: Record<string, number> = {}
      for (const collection of collections.get(partition) ?? []) {
        const { length } = await listAll(partition, collection)
        if (length > 0) counts[collection] = length
      }
      return counts
    },
  }
}
