import { setTimeout as delay } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import { newRevision, put } from "../../core/test/storage/records.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import { infoOf, startCluster, type TestCluster } from "./support/cluster.ts"
import { codeOf, recovered } from "./support/load.ts"
import { type ProxyFault, startProxy, type TestProxy } from "./support/proxy.ts"
import { type Server, startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

const isScript = (command: string) => ["eval", "evalsha", "fcall"].includes(command)

/** Everything by which ioredis would send a command again, or answer in another form. */
const hostile = {
  autoResendUnfulfilledCommands: true,
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  enableAutoPipelining: true,
  retryStrategy: () => 10,
  reconnectOnError: () => 2 as const,
  keyPrefix: "callers:",
  replyMapping: "resp3",
  stringNumbers: true,
  showFriendlyErrorStack: true,
} satisfies RedisOptions
const { keyPrefix, enableOfflineQueue, retryStrategy, ...nodeOptions } = hostile
const hostileCluster = {
  keyPrefix,
  enableOfflineQueue,
  enableAutoPipelining: true,
  clusterRetryStrategy: () => 10,
  clusterNodeRetryStrategy: () => 10,
  retryDelayOnFailover: 10,
  retryDelayOnClusterDown: 10,
  retryDelayOnTryAgain: 10,
  maxRedirections: 100,
  redisOptions: nodeOptions,
} satisfies ClusterOptions

/** What a fault leaves: how often the commit was applied. */
const faults: readonly [ProxyFault, 0 | 1][] = [
  ["cut-before", 0],
  ["cut-half", 0],
  ["cut-after", 1],
  ["drop-reply", 1],
]

interface Setting {
  readonly storage: StorageAdapter
  readonly proxies: readonly TestProxy[]
  readonly servers: readonly Server[]
}

/** How many changes the servers have made: a second copy is counted here, whatever became of its reply. */
const changes = async (servers: readonly Server[]): Promise<number> => {
  const infos = await Promise.all(servers.map((server) => infoOf(server, "INFO", "persistence")))
  return infos.reduce((total, info) => total + Number(info["rdb_changes_since_last_save"]), 0)
}

const planOnce = (proxies: readonly TestProxy[], fault: ProxyFault): void => {
  for (const proxy of proxies) {
    proxy.plan = (command) => {
      if (!isScript(command)) return undefined
      for (const other of proxies) other.plan = () => undefined
      return fault
    }
  }
}

const sum = (proxies: readonly TestProxy[], of: (proxy: TestProxy) => number): number =>
  proxies.reduce((total, proxy) => total + of(proxy), 0)

const address = { collection: "c", leaf: "l" }
// Without a check a second copy would be applied and not noticed by its own conflict.
const commit = (storage: StorageAdapter, revision: string) =>
  storage
    .commit("p", { checks: [], writes: [{ ...address, record: { revision, bytes: new Uint8Array(1_000) } }] })
    .then(({ status }) => status, codeOf)

/** One commit that suffers the fault. */
const suffer = async ({ storage, proxies, servers }: Setting, fault: ProxyFault, applied: 0 | 1): Promise<void> => {
  expect(await commit(storage, newRevision())).toBe("committed")
  const start = await changes(servers)
  expect(await commit(storage, newRevision())).toBe("committed")
  const before = { changes: await changes(servers), happened: sum(proxies, ({ happened }) => happened[fault]) }
  const revision = newRevision()
  planOnce(proxies, fault)
  expect(await commit(storage, revision)).toBe("UNKNOWN_OUTCOME")
  expect(sum(proxies, ({ happened }) => happened[fault])).toBe(before.happened + 1)

  // What a client sends again it sends on its new connection, before anything else.
  await recovered(storage)
  await delay(50)
  const [found] = await storage.read("p", [address])
  expect(found?.revision === revision).toBe(applied === 1)
  expect(await commit(storage, newRevision())).toBe("committed")
  expect((await changes(servers)) - before.changes).toBe((before.changes - start) * (applied + 1))
}

let proxies: TestProxy[] = []
afterEach(async () => {
  for (const proxy of proxies) await proxy.close()
  proxies = []
})

const rounds = 5

describeWithServers("a commit whose connection breaks", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  })

  const openSingle = async (options: RedisOptions): Promise<Setting> => {
    const proxy = await startProxy(server.port)
    proxies = [proxy]
    const client = new Redis({ port: proxy.port, ...options, replyMapping: "resp3" })
    client.on("error", () => {})
    const storage = await redisStorage({ client })
    client.disconnect()
    return { storage, proxies, servers: [server] }
  }

  for (const [name, options] of [
    ["ioredis's own options", {}],
    ["the most hostile options", hostile],
  ] as const) {
    for (const [fault, applied] of faults) {
      it(`is an unknown outcome and never sent again: ${fault}, ${name}`, async () => {
        const setting = await openSingle(options)
        for (let round = 0; round < rounds; round++) await suffer(setting, fault, applied)
        await setting.storage.close()
      })
    }
  }

  it("is an unknown outcome when the reply never comes and the caller gives up", async () => {
    const { storage } = await openSingle(hostile)
    await commit(storage, newRevision())
    planOnce(proxies, "swallow-reply")
    const signal = AbortSignal.timeout(200)
    const outcome = storage.commit("p", { checks: [], writes: [put(address)] }, { signal }).catch(codeOf)
    expect(await outcome).toBe("UNKNOWN_OUTCOME")
    expect(proxies[0]?.happened["swallow-reply"]).toBe(1)
    await storage.close()
  })

  it("is an unknown outcome when the server falls silent for longer than the caller's client allows", async () => {
    const { storage } = await openSingle({ ...hostile, socketTimeout: 300 })
    const revision = newRevision()
    await commit(storage, newRevision())
    planOnce(proxies, "swallow-reply")
    expect(await commit(storage, revision)).toBe("UNKNOWN_OUTCOME")
    expect(proxies[0]?.happened["swallow-reply"]).toBe(1)
    await recovered(storage)
    expect((await storage.read("p", [address]))[0]?.revision).toBe(revision)
    await storage.close()
  })

  it("is an unknown outcome when the caller's client has a time limit of its own", async () => {
    const { storage } = await openSingle({ ...hostile, commandTimeout: 100 })
    await commit(storage, newRevision())
    planOnce(proxies, "delay-reply")
    const revision = newRevision()
    expect(["committed", "UNKNOWN_OUTCOME"]).toContain(await commit(storage, revision))
    expect(proxies[0]?.happened["delay-reply"]).toBe(1)
    // Replies come in order, so the next one is late as well.
    await recovered(storage)
    const [found] = await storage.read("p", [address])
    expect(found?.revision).toBe(revision)
    await storage.close()
  })

  it("a reply that is late is the right one", async () => {
    const { storage } = await openSingle({})
    planOnce(proxies, "delay-reply")
    expect(await Promise.all([1, 2, 3].map(() => commit(storage, newRevision())))).toEqual(Array(3).fill("committed"))
    expect(proxies[0]?.happened["delay-reply"]).toBe(1)
    await storage.close()
  })
})

describeWithServers("a commit to a cluster whose connection breaks", () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.close())

  const openCluster = async (options: ClusterOptions): Promise<Setting> => {
    proxies = await Promise.all(cluster.masters.map(({ port }) => startProxy(port)))
    const natMap = Object.fromEntries(
      cluster.masters.map(({ port }, index) => [
        `127.0.0.1:${port}`,
        { host: "127.0.0.1", port: proxies[index]?.port ?? 0 },
      ]),
    )
    const nodes = proxies.map(({ port }) => ({ host: "127.0.0.1", port }))
    const client = new Cluster(nodes, {
      ...options,
      natMap,
      redisOptions: { ...options.redisOptions, replyMapping: "resp3" },
    })
    client.on("error", () => {})
    const storage = await redisStorage({ client })
    client.disconnect()
    return { storage, proxies, servers: cluster.masters }
  }

  for (const [name, options] of [
    ["ioredis's own options", {}],
    ["the most hostile options", hostileCluster],
  ] as const) {
    for (const [fault, applied] of faults) {
      it(`is an unknown outcome and never sent again: ${fault}, ${name}`, async () => {
        const setting = await openCluster(options)
        for (let round = 0; round < rounds; round++) await suffer(setting, fault, applied)
        await setting.storage.close()
      })
    }
  }
})
