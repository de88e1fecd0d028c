/** The golden files as data, and stores put into them and taken out again. */
import { readFileSync } from "node:fs"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import type { Expected } from "./make-store.ts"
import type { Vectors } from "./make-vectors.ts"
import type { Dump } from "./second-store.ts"

export interface GoldenStore {
  readonly about: string
  /** base64 */
  readonly rootKey: string
  readonly expected: Expected
  readonly store: Dump
}

export const golden = (name: string): URL => new URL(`v1-${name}.json`, import.meta.url)
export const readGoldenStore = (): GoldenStore => JSON.parse(readFileSync(golden("store"), "utf8"))
export const readVectors = (): Vectors => JSON.parse(readFileSync(golden("vectors"), "utf8"))

/** Remembers which collections were written, so that all of them can be dumped: the port lists no collections. */
export const dumpable = (inner: StorageAdapter): { readonly storage: StorageAdapter; dump(): Promise<Dump> } => {
  const written = new Map<string, Set<string>>()
  return {
    storage: {
      ...inner,
      commit: (partition, commit, options) => {
        const collections = written.get(partition) ?? new Set()
        written.set(partition, collections)
        for (const { collection } of commit.writes) collections.add(collection)
        return inner.commit(partition, commit, options)
      },
    },
    dump: async () => {
      const store: Record<string, Record<string, Record<string, { revision: string; bytes: string }>>> = {}
      for (const [partition, collections] of [...written].sort()) {
        for (const collection of [...collections].sort()) {
          const { records } = await inner.list(partition, collection, { limit: 10_000, maxBytes: 1 << 30 })
          if (records.length === 0) continue
          store[partition] ??= {}
          store[partition][collection] = Object.fromEntries(
            records.map(({ leaf, record }) => [
              leaf,
              { revision: record.revision, bytes: Buffer.from(record.bytes).toString("base64") },
            ]),
          )
        }
      }
      return store
    },
  }
}

export const load = async (dump: Dump, storage: StorageAdapter): Promise<void> => {
  for (const [partition, collections] of Object.entries(dump)) {
    const writes = Object.entries(collections).flatMap(([collection, leaves]) =>
      Object.entries(leaves).map(([leaf, { revision, bytes }]) => ({
        collection,
        leaf,
        record: { revision, bytes: new Uint8Array(Buffer.from(bytes, "base64")) },
      })),
    )
    await storage.commit(partition, { checks: [], writes })
  }
}
