import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { startPeer, type TestStore, testStorageAdapter } from "@strongroom/adapter-testkit"
import { type Cluster, Redis } from "ioredis"
import { afterAll, beforeAll, describe, it } from "vitest"
import { redisStorage } from "../src/index.ts"
import { describeOnServer, describeWithServers, sharedUrl } from "./support/available.ts"
import { isHealthy, startCluster, type TestCluster, until } from "./support/cluster.ts"
import { bytesOf, keysOf } from "./support/raw.ts"
import { type Server, startServer, stopServers } from "./support/server.ts"

// What the adapter may call durable: every acknowledged write has been synced. A SIGKILL cannot prove that it has.
const durable = { appendonly: "yes", appendfsync: "always" }
const peer = fileURLToPath(new URL("./children/peer.ts", import.meta.url))

afterAll(stopServers)

/** Where stores of the kit are; the prefix tells them apart. */
interface Place {
  readonly client: () => Redis | Cluster
  /** A connection to each master, for the test's own eyes. */
  readonly masters: () => readonly Redis[]
  /** What a second process connects to. */
  readonly addresses: () => readonly string[]
  readonly restart: () => Promise<unknown>
}

const makeStore = async ({ client, masters, addresses, restart }: Place): Promise<TestStore> => {
  const prefix = `kit-${randomBytes(6).toString("hex")}:`
  const open = () => redisStorage({ client: client(), prefix })
  return {
    storage: await open(),
    second: open,
    reopen: async () => {
      await restart()
      return open()
    },
    peek: async () => (await Promise.all(masters().map((master) => bytesOf(master, prefix)))).flat(),
    peer: () => startPeer(peer, prefix, ...addresses()),
    dispose: async () => {
      for (const master of masters()) {
        for (const key of await keysOf(master, prefix)) await master.unlink(key)
      }
    },
  }
}

describeOnServer("a single server", () => {
  let server: Server | undefined
  let client: Redis
  const connect = () => {
    client = sharedUrl === undefined ? new Redis(server?.port ?? 0) : new Redis(sharedUrl)
  }
  beforeAll(async () => {
    if (sharedUrl === undefined) server = await startServer(durable)
    connect()
  })
  afterAll(() => client.disconnect())

  const place: Place = {
    client: () => client,
    masters: () => [client],
    addresses: () => [sharedUrl ?? server?.url ?? ""],
    restart: async () => {
      client.disconnect()
      await server?.restart()
      connect()
    },
  }
  testStorageAdapter({ describe, it, afterAll }, { name: "redis", make: () => makeStore(place) })
})

describeWithServers("a cluster of three masters", () => {
  let cluster: TestCluster
  let client: Cluster
  let masters: readonly Redis[]
  const connect = () => {
    client = cluster.connect()
    masters = cluster.masters.map((node) => node.connect())
  }
  beforeAll(async () => {
    cluster = await startCluster(0, durable)
    connect()
  })
  afterAll(() => cluster.close())

  const place: Place = {
    client: () => client,
    masters: () => masters,
    addresses: () => cluster.masters.map(({ url }) => url),
    restart: async () => {
      await Promise.all(cluster.masters.map((node) => node.restart()))
      for (const node of cluster.masters) await until(() => isHealthy(node))
      connect()
    },
  }
  testStorageAdapter({ describe, it, afterAll }, { name: "redis cluster", make: () => makeStore(place) })
})
