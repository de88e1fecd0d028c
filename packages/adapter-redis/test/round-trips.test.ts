import { Redis } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { newRevision, put } from "../../core/test/storage/records.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import { startProxy } from "./support/proxy.ts"
import { startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

const open = async (options: { readonly replicas?: { readonly count: number; readonly timeoutMs: number } } = {}) => {
  const server = await startServer()
  const proxy = await startProxy(server.port)
  const client = new Redis(proxy.port)
  const storage = await redisStorage({ client, ...options })
  /** The commands that a call sends. */
  const commandsOf = async (call: () => Promise<unknown>): Promise<string[]> => {
    proxy.commands.length = 0
    await call()
    return [...proxy.commands]
  }
  const close = async () => {
    await storage.close()
    client.disconnect()
    await proxy.close()
  }
  return { server, proxy, storage, commandsOf, close }
}

const addresses = Array.from({ length: 600 }, (_, i) => ({ collection: `c${i % 5}`, leaf: `${i}` }))

describeWithServers("round trips", () => {
  it("a commit of any size is one command, a script; two after its scripts were flushed", async () => {
    const { server, storage, commandsOf, close } = await open()
    const commit = (count: number) => () =>
      storage.commit("p", {
        checks: addresses.slice(0, count).map((address) => ({ ...address, revision: newRevision() })),
        writes: addresses.slice(0, count).map((address) => put(address)),
      })
    await storage.commit("p", { checks: [], writes: addresses.map((address) => put(address)) })
    for (const count of [1, 2, 600]) expect(await commandsOf(commit(count))).toEqual(["evalsha"])
    await server.command("SCRIPT", "FLUSH")
    expect(await commandsOf(commit(3))).toEqual(["evalsha", "eval"])
    expect(await commandsOf(commit(3))).toEqual(["evalsha"])
    await close()
  })

  it("a read of many addresses of many collections is one command", async () => {
    const { storage, commandsOf, close } = await open()
    await storage.commit("p", { checks: [], writes: addresses.map((address) => put(address)) })
    await storage.read("p", addresses)
    for (const count of [1, 2, 600]) {
      expect(await commandsOf(() => storage.read("p", addresses.slice(0, count)))).toHaveLength(1)
    }
    await close()
  })

  it("a page is one command", async () => {
    const { storage, commandsOf, close } = await open()
    await storage.commit("p", { checks: [], writes: addresses.map((address) => put(address)) })
    const page = { limit: 50, maxBytes: 1_000_000 }
    await storage.list("p", "c1", page)
    expect(await commandsOf(() => storage.list("p", "c1", page))).toHaveLength(1)
    expect(await commandsOf(() => storage.list("p", "c1", { ...page, after: "300" }))).toHaveLength(1)
    await close()
  })
})
