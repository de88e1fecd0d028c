import { randomBytes } from "node:crypto"
import { startPeer, testStorageAdapter } from "@strongroom/adapter-testkit"
import { BSON, MongoClient } from "mongodb"
import * as vitest from "vitest"
import { mongoStorage } from "../src/index.ts"
import { type MongoServer, startMongo, startShardedStandIn } from "./support/mongo-server.ts"

const { afterAll, beforeAll, describe, it } = vitest

const conformance = (name: string, start: () => Promise<MongoServer>): void => {
  let server: MongoServer
  let admin: MongoClient
  beforeAll(async () => {
    server = await start()
    admin = new MongoClient(server.uri)
  })
  afterAll(async () => {
    await admin?.close()
    await server?.stop()
  })

  it("MongoDB itself is exercised", (context) => {
    if (server.isStandIn)
      context.skip("MongoDB itself was not exercised: no server was to be had, a stand-in took its place")
  })

  testStorageAdapter(vitest, {
    name,
    async make() {
      const database = `kit_${randomBytes(6).toString("hex")}`
      const { endOrphans } = server
      const open = () => mongoStorage({ uri: server.uri, database })
      return {
        storage: await open(),
        second: open,
        reopen: open,
        ...(endOrphans && {
          peer: async () => {
            const peer = await startPeer(new URL("children/peer.ts", import.meta.url), server.uri, database)
            const { acknowledged } = peer
            return {
              acknowledged,
              get failure() {
                return peer.failure
              },
              kill: () => peer.kill().then(endOrphans),
            }
          },
        }),
        peek: async () => {
          const documents = await admin.db(database).collection("strongroom").find().toArray()
          return documents.map((document) => BSON.serialize(document))
        },
        dispose: async () => void (await admin.db(database).dropDatabase()),
      }
    },
  })
}

describe("on the first server that can be had", () => conformance("MongoDB", startMongo))

// Twice the time, for what differs in a few commands.
describe.skipIf(!process.env["STRONGROOM_SLOW"])("on a stand-in for a sharded cluster (with STRONGROOM_SLOW=1)", () =>
  conformance("MongoDB, sharded", startShardedStandIn),
)
