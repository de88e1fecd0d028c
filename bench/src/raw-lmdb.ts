import { randomBytes } from "node:crypto"
import { open } from "lmdb"

/** lmdb, as durable as our adapter has it, records of these lengths and the keys that it is fastest with. */
export const rawLmdb = (path: string) => {
  const database = open<Buffer, string>({
    path,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: "binary",
  })
  const keyOf = (name: string, index: number) => `${name}/${index}`
  return {
    /** Writes records of these lengths in one durable transaction. */
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
