import { afterAll, expect, it } from "vitest"
import { put } from "../../core/test/storage/records.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import { infoOf, isHealthy, type Node, slotOfTag, startCluster, until } from "./support/cluster.ts"
import { codeOf, startLoad } from "./support/load.ts"
import { stopServers } from "./support/server.ts"

afterAll(stopServers)

const replication = (node: Node) => infoOf(node, "INFO", "replication")
const isMaster = async (node: Node) => (await replication(node))["role"] === "master"
const isSynced = async (node: Node) => (await replication(node))["master_link_status"] === "up"

describeWithServers("a master that dies, with a replica", () => {
  it("takes no acknowledged commit with it, twice in a row; commits under way are UNKNOWN_OUTCOME", async () => {
    const cluster = await startCluster(1)
    const [master] = cluster.masters
    const [replica] = cluster.replicas
    if (master === undefined || replica === undefined) throw new Error("no nodes")
    const storage = await redisStorage({ client: cluster.connect(), replicas: { count: 1, timeoutMs: 500 } })
    // Most are served by the master that will be killed, so that it always has commits under way.
    const names = Array.from({ length: 60 }, (_, i) => `p${i}`)
    const isItsOwn = (name: string) => cluster.ownerOf(slotOfTag(name)) === master
    const partitions = [...names.filter(isItsOwn).slice(0, 8), ...names.filter((name) => !isItsOwn(name)).slice(0, 4)]
    const load = startLoad(storage, { partitions, writers: 3, allowed: ["UNAVAILABLE", "UNKNOWN_OUTCOME"] })
    await load.proceed(100)

    for (const [dying, heir] of [
      [master, replica],
      [replica, master],
    ] as const) {
      await dying.kill()
      await until(() => isMaster(heir))
      await until(() => isHealthy(heir))
      // With no replica left no commit of this part can be acknowledged.
      await dying.restart()
      await until(() => isSynced(dying))
      await load.proceed(100)
    }
    await load.stop()
    await load.verify(storage)
    console.log("failover:", { kills: 2, ...Object.fromEntries(load.ends) })
    expect(load.ends.get("UNKNOWN_OUTCOME")).toBeGreaterThan(0)
    await storage.close()
    cluster.close()
  }, 60_000)

  it("which stands still leaves the outcome unknown, though the commit was applied", async () => {
    const cluster = await startCluster(1)
    const client = cluster.connect()
    const storage = await redisStorage({ client, replicas: { count: 1, timeoutMs: 100 } })
    const write = (leaf: string) =>
      storage.commit("p", { checks: [], writes: [put({ collection: "c", leaf })] }).then(({ status }) => status, codeOf)
    expect(await write("before")).toBe("committed")
    for (const replica of cluster.replicas) await replica.kill()
    expect(await write("without")).toBe("UNKNOWN_OUTCOME")
    expect(await storage.read("p", [{ collection: "c", leaf: "without" }])).toEqual([expect.anything()])
    for (const replica of cluster.replicas) await replica.restart()
    for (const replica of cluster.replicas) await until(() => isSynced(replica))
    expect(await write("after")).toBe("committed")
    await storage.close()
    cluster.close()
  }, 60_000)
})
