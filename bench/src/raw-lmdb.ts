import { randomBytes } from "node:crypto"
import { open } from "lmdb"
import type { Written } from "./watch.ts"

/** Collections whose leaves rise with time; all other leaves are random. */
const rising: ReadonlySet<string> = new Set(["audit", "vsecret-id"])

const randomLeaf = (length: number): string => {
  let text = ""
  while (text.length < length) text += Math.random().toString(36).slice(2)
  return text.slice(0, length)
}

/** lmdb, as durable as our adapter has it. */
export const rawLmdb = (path: string) => {
  const database = open<Buffer, string>({
    path,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: "binary",
  })
  const keyOf = (name: string, index: number) => `${name}/${index}`
  let next = 0
  const leafLike = ({ collection, leaf }: Written): string =>
    rising.has(collection) ? String(next++).padStart(leaf.length, "0") : randomLeaf(leaf.length)
  return {
    /**
     * Writes records like these in one durable transaction: as long, and at keys like theirs. Keys at random places make
     * lmdb write several pages where rising ones share one.
     */
    writerLike: (written: readonly Written[]) => {
      const records = written.map((one) => ({ one, bytes: randomBytes(one.length) }))
      return (): Promise<unknown> =>
        database.childTransaction(() => {
          for (const { one, bytes } of records) {
            database.put(`${one.partition}/${one.collection}/${leafLike(one)}`, bytes)
          }
        })
    },
    /** Writes records of these lengths in one durable transaction, at short keys that rise if the names do. */
    writer: (lengths: readonly number[]) => {
      const records = lengths.map((length) => randomBytes(length))
      return (name: string): Promise<unknown> =>
        database.childTransaction(() => {
          for (const [index, record] of records.entries()) database.put(keyOf(name, index), record)
        })
    },
    /** Gets the first `count` records of a name; all must be there. */
    get: (name: string, count: number): void => {
      for (let index = 0; index < count; index++) {
        if (database.get(keyOf(name, index)) === undefined) throw new Error(`${name}/${index} is missing`)
      }
    },
    /** A scan over everything, which must be this many records. */
    scan: (count: number): void => {
      let found = 0
      for (const { value } of database.getRange({})) if (value.length > 0) found++
      if (found !== count) throw new Error(`${found} records, not ${count}`)
    },
    close: () => database.close(),
  }
}
