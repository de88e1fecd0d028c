import { Redis, type RedisOptions } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { newRevision, put } from "../../../core/test/storage/records.ts"
import { redisStorage } from "../../src/index.ts"
import { describeWithServers } from "../support/available.ts"
import { codeOf } from "../support/load.ts"
import { keysOf } from "../support/raw.ts"
import { type Server, startServer, stopServers } from "../support/server.ts"

afterAll(stopServers)

const address = { collection: "c", leaf: "l" }
const commit = { checks: [], writes: [put(address, "kept")] }

const open = (server: Server, options: Omit<RedisOptions, "replyMapping">) =>
  redisStorage({ client: new Redis({ port: server.port, lazyConnect: true, ...options }) })

describeWithServers("what a client is set to", () => {
  it("a prefix of any letters begins every key, after the client's own", async () => {
    const server = await startServer()
    const client = new Redis({ port: server.port, lazyConnect: true, keyPrefix: "\u00fcber:" })
    const storage = await redisStorage({ client, prefix: "\u9375\u{1f511}:" })
    await storage.commit("p", commit)
    expect((await keysOf(server.connect(), "")).map(String).sort()).toEqual(
      ["h", "z"].map((kind) => `\u00fcber:\u9375\u{1f511}:{p}:${kind}:c`),
    )
    expect(await storage.read("p", [address])).toEqual([commit.writes[0]?.record])
    await storage.close()
  })

  it("RESP2 and RESP3 give the same records", async () => {
    const server = await startServer()
    for (const protocol of [2, 3] as const) {
      const storage = await open(server, { protocol })
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      const record = { revision: newRevision(), bytes }
      await storage.commit("p", { checks: [], writes: [{ ...address, record }] })
      expect(await storage.read("p", [address, { ...address, leaf: "none" }])).toEqual([record, undefined])
      expect(await storage.list("p", "c", { limit: 1, maxBytes: 0 })).toEqual({
        records: [{ leaf: "l", record }],
        more: false,
      })
      await storage.close()
    }
  })

  it("its database is used, the one it has selected last too", async () => {
    const server = await startServer()
    const client = new Redis({ port: server.port, db: 3 })
    const first = await redisStorage({ client })
    await first.commit("p", commit)
    await client.select(5)
    const second = await redisStorage({ client })
    expect(await second.read("p", [address])).toEqual([undefined])
    const third = await redisStorage({ url: `${server.url}/3` })
    expect(await third.read("p", [address])).toEqual([commit.writes[0]?.record])
    await Promise.all([first, second, third].map((storage) => storage.close()))
    client.disconnect()
  })

  it("a database that the server has not got is FATAL, not another one", async () => {
    const server = await startServer()
    expect(await open(server, { db: 99 }).catch(codeOf)).toBe("FATAL")
  })

  it("a node of a cluster is FATAL without a Cluster", async () => {
    const server = await startServer({ "cluster-enabled": "yes" })
    expect(await redisStorage({ url: server.url }).catch(String)).toMatch(/Cluster/)
  })
})

describeWithServers("what a server is set to", () => {
  it("eviction that is switched on under way is FATAL from the next connection on, until it is switched off", async () => {
    const server = await startServer()
    const storage = await redisStorage({ url: server.url })
    await server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await expect.poll(() => storage.commit("p", commit).catch(codeOf)).toBe("FATAL")
    expect(await storage.read("p", [address]).catch(codeOf)).toBe("FATAL")
    await server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    expect(await storage.commit("p", commit)).toEqual({ status: "committed" })
    await storage.close()
  })

  for (const missing of ["hget", "hset", "hdel", "hexists", "zadd", "zrem", "type"]) {
    it(`a user who may not ${missing} commits nothing, and is told so`, async () => {
      const server = await startServer()
      const admin = await redisStorage({ url: server.url })
      await admin.commit("p", { checks: [], writes: [put({ ...address, leaf: "old" }, "old")] })
      await server.command("ACL", "SETUSER", "app", "on", ">pass", "~strongroom:*", "+@all", `-${missing}`)
      const storage = await redisStorage({ url: server.url.replace("//", "//app:pass@") })
      const writes = [...commit.writes, { ...address, leaf: "old", record: undefined }]
      for (const checks of [[], commit.writes.map((address) => ({ ...address, revision: undefined }))]) {
        expect(await storage.commit("p", { checks, writes }).catch(codeOf)).toBe("FATAL")
      }
      const { records } = await admin.list("p", "c", { limit: 9, maxBytes: 100 })
      expect(records.map(({ leaf }) => leaf)).toEqual(["old"])
      await Promise.all([admin.close(), storage.close()])
    })
  }
})
