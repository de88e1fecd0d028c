import { existsSync } from "node:fs"
import { Redis } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { describeWithServers } from "./support/available.ts"
import { isHealthy, moveSlot, placeOf, startCluster, until } from "./support/cluster.ts"
import { type ProxyFault, startProxy } from "./support/proxy.ts"
import { startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

describeWithServers("the tools of these tests", () => {
  it("a server keeps its files when it is killed, and leaves nothing behind when it is stopped", async () => {
    const server = await startServer({ appendonly: "yes", appendfsync: "always" })
    await server.command("SET", "a", "b")
    await server.restart({ maxmemory: "100mb" })
    expect(await server.command("GET", "a")).toBe("b")
    expect(await server.command("CONFIG", "GET", "maxmemory")).toEqual(["maxmemory", "104857600"])
    const client = server.connect()
    await client.ping()
    await stopServers()
    await expect(client.ping()).rejects.toThrow()
    expect(existsSync(server.directory)).toBe(false)
  })

  // What each fault does to an INCR: how often it was applied, and whether its caller was told.
  const faults: [ProxyFault, number, boolean][] = [
    ["cut-before", 0, false],
    ["cut-half", 0, false],
    ["cut-after", 1, false],
    ["drop-reply", 1, false],
    ["swallow-reply", 1, false],
    ["delay-reply", 1, true],
  ]
  for (const [fault, applied, told] of faults) {
    it(`the proxy does what it says: ${fault}`, async () => {
      const server = await startServer()
      const proxy = await startProxy(server.port)
      const client = new Redis({ port: proxy.port, maxRetriesPerRequest: 0, retryStrategy: null, commandTimeout: 500 })
      client.on("error", () => {})
      await client.set("n", Buffer.alloc(100_000, "0"))
      await client.set("n", 0)
      proxy.plan = (command) => (command === "incr" ? fault : undefined)
      const answer = await client.incr("n").catch(() => undefined)
      expect(answer).toBe(told ? 1 : undefined)
      await until(async () => Number(await server.command("GET", "n")) === applied)
      expect(proxy.happened).toMatchObject({ [fault]: 1 })
      expect(proxy.commands.filter((command) => command !== "info" && command !== "client")).toContain("incr")
      client.disconnect()
      await proxy.close()
    })
  }

  it("a slot of the cluster moves back and forth, key by key", async () => {
    const cluster = await startCluster(1)
    const client = cluster.connect()
    const { slot, owner, other } = await placeOf(cluster, "{b}")
    for (const key of ["1", "2", "3"]) await client.set(`{b}${key}`, key)
    for (const [from, to] of [
      [owner, other],
      [other, owner],
    ] as const) {
      expect(await moveSlot(cluster, slot, from, to, () => client.get("{b}2"))).toBe(3)
      expect(await Promise.all(["1", "2", "3"].map((key) => client.get(`{b}${key}`)))).toEqual(["1", "2", "3"])
    }
    await until(() => isHealthy(owner))
    cluster.close()
  })
})
