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

  it("what is sent in one turn is answered each for itself, also where it is more than is sent at a time", async () => {
    const { storage, commandsOf, close } = await open()
    const revision = newRevision()
    await storage.commit("p", { checks: [], writes: addresses.slice(0, 100).map((address) => put(address)) })
    const ends = async () => {
      const calls = addresses.slice(0, 200).map((address, i) => {
        const write = { ...address, record: { revision, bytes: new Uint8Array(1_000).fill(i) } }
        return storage.commit("p", { checks: [{ ...address, revision: undefined }], writes: [write] })
      })
      for (const [i, { status }] of (await Promise.all(calls)).entries()) {
        expect(status, `${i}`).toBe(i < 100 ? "conflict" : "committed")
      }
    }
    expect(await commandsOf(ends)).toEqual(Array(200).fill("evalsha"))
    const calls = addresses.slice(100, 200).map((address) => storage.read("p", [address]))
    for (const [i, [found]] of (await Promise.all(calls)).entries()) {
      expect(found).toEqual({ revision, bytes: new Uint8Array(1_000).fill(100 + i) })
    }
    await close()
  })

  it("the bytes of a commit are those of the call, also where it is sent a second time: its script was flushed", async () => {
    const { server, storage, commandsOf, close } = await open()
    const [address] = addresses
    if (address === undefined) throw new Error("no addresses")
    await storage.commit("p", { checks: [], writes: [put(address)] })
    await server.command("SCRIPT", "FLUSH")
    const record = { revision: newRevision(), bytes: new Uint8Array(8).fill(1) }
    const call = async () => {
      const committed = storage.commit("p", { checks: [], writes: [{ ...address, record }] })
      record.bytes.fill(2)
      await committed
    }
    expect(await commandsOf(call)).toEqual(["evalsha", "eval"])
    expect(await storage.read("p", [address])).toEqual([{ ...record, bytes: new Uint8Array(8).fill(1) }])
    await close()
  })
})
