import { randomBytes } from "node:crypto"
import { mongoStorage } from "@strongroom/adapter-mongo"
import type { StorageAdapter } from "@strongroom/core"
import { MongoClient } from "mongodb"
import { afterAll, beforeAll } from "vitest"
import { type MongoServer, startMongo } from "../../packages/adapter-mongo/test/support/mongo-server.ts"
import type { Backend } from "../../packages/core/test/support/backend.ts"
import { whileOpening } from "../../packages/core/test/support/opening.ts"

/**
 * Every store is a collection of its own in one database. The clients of the stores share one connection pool: to the
 * server, and to the adapter, they are as different as processes are.
 */
export const mongoBackend = (share: number): Backend => {
  let server: MongoServer
  let client: MongoClient
  let probe: StorageAdapter
  const database = `engine_${randomBytes(6).toString("hex")}`
  beforeAll(async () => {
    server = await startMongo()
    client = new MongoClient(server.uri)
    probe = await mongoStorage({ client, database })
  })
  afterAll(async () => {
    await client.db(database).dropDatabase()
    await client.close()
    await server.stop()
  })
  return {
    name: "MongoDB",
    share,
    make: () => {
      const collection = `store_${randomBytes(6).toString("hex")}`
      const clients: StorageAdapter[] = []
      return {
        open: () => {
          const storage = whileOpening(probe, mongoStorage({ client, database, collection }))
          clients.push(storage)
          return storage
        },
        dispose: async () => {
          await Promise.all(clients.map((storage) => storage.close()))
          await client.db(database).dropCollection(collection)
        },
      }
    },
  }
}
