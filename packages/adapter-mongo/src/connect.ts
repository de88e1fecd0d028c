import { type Db, MongoClient } from "mongodb"
import { describe } from "./errors.ts"
import type { MongoOptions } from "./options.ts"

const defaultDatabase = "strongroom"

/** Does not wait for a connection. `end` closes what was opened here. */
export const connect = (options: MongoOptions): { readonly db: Db; readonly end: () => Promise<void> } => {
  const stay = async () => {}
  if ("db" in options) return { db: options.db, end: stay }
  const { database } = options
  if ("client" in options) return { db: options.client.db(database ?? defaultDatabase), end: stay }
  try {
    const client = new MongoClient(options.uri)
    const named = /^[^?]*\/\/[^/?]*\/([^?]+)/u.test(options.uri)
    return { db: client.db(database ?? (named ? undefined : defaultDatabase)), end: () => client.close() }
  } catch (error) {
    throw describe("FATAL", error)
  }
}
