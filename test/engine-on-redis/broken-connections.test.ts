import { redisStorage } from "@strongroom/adapter-redis"
import { isStrongroomError, localKeys, openStrongroom } from "@strongroom/core"
import { Redis } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { describeWithServers } from "../../packages/adapter-redis/test/support/available.ts"
import { type ProxyFault, startProxy } from "../../packages/adapter-redis/test/support/proxy.ts"
import { startServer, stopServers } from "../../packages/adapter-redis/test/support/server.ts"

afterAll(stopServers)

const faults: readonly ProxyFault[] = ["cut-before", "cut-half", "cut-after", "drop-reply"]
const writers = 4
const createsEach = 15

describeWithServers("an engine whose connection breaks at every seventh script", () => {
  it("reports of each create what is so, and no create is done twice", { timeout: 60_000 }, async () => {
    const server = await startServer()
    const proxy = await startProxy(server.port)
    const client = new Redis({ port: proxy.port, lazyConnect: true, autoResendUnfulfilledCommands: true })
    const strongroom = await openStrongroom({
      storage: await redisStorage({ client }),
      keys: localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }]),
    })
    const { owner } = await strongroom.workspaces.create({ slug: "ws_cut", name: "Cut" })
    const project = (await strongroom.projects.create(owner, { slug: "prj_cut", name: "Cut" })).id
    const environment = (await strongroom.environments.create(owner, { project, name: "only" })).id

    let scripts = 0
    proxy.plan = (command) => {
      if (command !== "evalsha" || ++scripts % 7 !== 0) return undefined
      return faults[(scripts / 7) % faults.length]
    }
    const ends = new Map<string, string>()
    const create = async (name: string): Promise<void> => {
      const secrets = [{ name, value: "value", type: "runtime", dataType: "text" }] as const
      try {
        await strongroom.secrets.create(owner, { project, environments: [environment], secrets })
        ends.set(name, "ok")
      } catch (error) {
        if (!isStrongroomError(error)) throw error
        ends.set(name, error.code)
      }
    }
    const lanes = Array.from({ length: writers }, async (_, lane) => {
      for (let n = 0; n < createsEach; n++) await create(`S${lane}_${n}`)
    })
    await Promise.all(lanes)
    proxy.plan = () => undefined

    const happened = faults.map((fault) => proxy.happened[fault])
    expect(Math.min(...happened)).toBeGreaterThan(0)
    const found = new Set((await strongroom.secrets.list(owner, { project })).map(({ name }) => name))
    const counts = Object.fromEntries(
      [...Map.groupBy(ends.values(), (end) => end)].map(([end, all]) => [end, all.length]),
    )
    console.log("an engine whose connection breaks:", { happened, ...counts })
    expect(["STORAGE_UNAVAILABLE", "OUTCOME_UNKNOWN", "ok"]).toEqual(expect.arrayContaining(Object.keys(counts)))
    expect(counts["ok"]).toBeGreaterThan(0)
    for (const [name, end] of ends) {
      if (end !== "OUTCOME_UNKNOWN") expect(found.has(name), `${name}: ${end}`).toBe(end === "ok")
    }
    const { entries } = await strongroom.audit.list(owner, { limit: 1_000 })
    expect(entries.filter(({ action }) => action === "secret.create")).toHaveLength(found.size)
    await strongroom.close()
    await proxy.close()
  })
})
