import { setTimeout as delay } from "node:timers/promises"
import { afterAll, expect, it } from "vitest"
import { randomHistories } from "../../adapter-testkit/src/histories/random-histories.ts"
import { put, text } from "../../core/test/storage/records.ts"
import { runs, timeout } from "../../core/test/support/runs.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import {
  infoOf,
  isHealthy,
  moveSlot,
  type Node,
  placeOf,
  slotOfTag,
  startCluster,
  type TestCluster,
  until,
} from "./support/cluster.ts"
import { codeOf, startLoad } from "./support/load.ts"
import { keysOf } from "./support/raw.ts"
import { stopServers } from "./support/server.ts"

afterAll(stopServers)

/** How often the servers told clients that a slot is on its way, or elsewhere. */
const redirections = async (nodes: readonly Node[]): Promise<Record<string, number>> => {
  const counts: Record<string, number> = { TRYAGAIN: 0, ASK: 0, MOVED: 0 }
  for (const node of nodes) {
    for (const [name, text] of Object.entries(await infoOf(node, "INFO", "errorstats"))) {
      const kind = name.replace("errorstat_", "")
      if (kind in counts) counts[kind] = (counts[kind] ?? 0) + Number(text.replace("count=", ""))
    }
  }
  return counts
}

/** The slot that a partition is in, told by a key that it has. */
const placeOfPartition = async (cluster: TestCluster, partition: string) => {
  for (const node of cluster.masters) {
    const key = (await keysOf(node.connect(), "")).find((found) => found.includes(partition))
    if (key !== undefined) return placeOf(cluster, key.toString("latin1"))
  }
  throw new Error(`no key of ${partition}`)
}

describeWithServers("a slot that moves", () => {
  it("back and forth under load tears nothing, loses nothing and applies nothing twice", async () => {
    const cluster = await startCluster()
    const storage = await redisStorage({ client: cluster.connect() })
    const load = startLoad(storage, { partitions: ["moving", "staying"], writers: 6, allowed: ["UNAVAILABLE"] })
    await load.proceed(50)
    const { slot, owner, other } = await placeOfPartition(cluster, "moving")
    let moved = 0
    for (let round = 0; round < 5; round++) {
      moved += await moveSlot(cluster, slot, owner, other, () => delay(25))
      await load.proceed(50)
      moved += await moveSlot(cluster, slot, other, owner, () => delay(25))
      await load.proceed(50)
    }
    await load.stop()
    await load.verify(storage)
    const met = await redirections(cluster.masters)
    console.log("migration under load:", { moved, ...met, ...Object.fromEntries(load.ends) })
    expect(moved).toBeGreaterThanOrEqual(10 * 2)
    expect(met["TRYAGAIN"]).toBeGreaterThan(0)
    expect(met["MOVED"]).toBeGreaterThan(0)
    await storage.close()
    cluster.close()
  }, 60_000)

  it(
    "explains every answer by some order of the calls, for random calls of two clients at the same time",
    async () => {
      const cluster = await startCluster()
      const clients = await Promise.all([1, 2].map(() => redisStorage({ client: cluster.connect() })))
      const { slot, owner, other } = await placeOf(cluster, "{moving}")
      let [moves, moved, name, over] = [0, 0, 0, false]
      const moving = (async () => {
        for (; !over; moves++) {
          const [from, to] = moves % 2 === 0 ? [owner, other] : [other, owner]
          moved += await moveSlot(cluster, slot, from, to, () => delay(2))
        }
      })()
      const partition = () => {
        do name++
        while (slotOfTag(`p${name}`) !== slot)
        return `p${name}`
      }
      try {
        await randomHistories(clients, { runs: runs(10), partition })
      } finally {
        over = true
        await moving
      }
      const met = await redirections(cluster.masters)
      console.log("migration under random histories:", { moves, moved, ...met })
      expect(met["TRYAGAIN"]).toBeGreaterThan(0)
      for (const client of clients) await client.close()
      cluster.close()
    },
    timeout,
  )

  it("and stands still at its start: a commit empties a collection and fills it again, whole", async () => {
    const cluster = await startCluster()
    const storage = await redisStorage({ client: cluster.connect() })
    const [old, next, other1, other2] = ["x/1", "x/2", "y/1", "y/2"].map((path) => ({
      collection: path.slice(0, 1),
      leaf: path.slice(2),
    }))
    if (!old || !next || !other1 || !other2) throw new Error("no addresses")
    await storage.commit("p", { checks: [], writes: [put(old), put(other1)] })
    const { slot, owner, other } = await placeOfPartition(cluster, "p")
    const ends: string[] = []
    // Emptied first, the collection's keys would be gone, and what is gone the server takes to be elsewhere already.
    const writes = () => [put(other2), { ...old, record: undefined }, put(next)]
    await moveSlot(cluster, slot, owner, other, async () => {
      if (ends.length > 0) return
      ends.push(await storage.commit("p", { checks: [], writes: writes() }).then(({ status }) => status, codeOf))
    })
    await until(() => isHealthy(other))
    const leavesOf = async (collection: string) =>
      (await storage.list("p", collection, { limit: 10, maxBytes: 1_000 })).records.map(({ leaf }) => leaf)
    expect([...ends, await leavesOf("x"), await leavesOf("y")]).toEqual(["committed", ["2"], ["1", "2"]])
    await storage.close()
    cluster.close()
  })

  it("and stands still at each key on its way: all of a commit or nothing, collections that come and go included", async () => {
    const cluster = await startCluster()
    const storage = await redisStorage({ client: cluster.connect() })
    const expected = new Map<string, string>()
    const ends: string[] = []
    const address = (path: string) => {
      const [collection = "", leaf = ""] = path.split("/")
      return { collection, leaf }
    }
    /** Puts, or deletes where the value is undefined. */
    const attempt = async (changes: Readonly<Record<string, string | undefined>>): Promise<void> => {
      const writes = Object.entries(changes).map(([path, value]) =>
        value === undefined ? { ...address(path), record: undefined } : put(address(path), value),
      )
      const end = await storage.commit("p", { checks: [], writes }).then(({ status }) => status, codeOf)
      ends.push(end)
      if (end !== "committed") return
      for (const [path, value] of Object.entries(changes)) {
        if (value === undefined) expected.delete(path)
        else expected.set(path, value)
      }
    }
    const readPair = async (): Promise<void> => {
      const found = await storage.read("p", ["a/pair", "b/pair"].map(address)).catch(codeOf)
      if (typeof found === "string") ends.push(`read ${found}`)
      else expect(text(found[0]?.bytes), "torn").toBe(text(found[1]?.bytes))
    }
    await attempt({ "a/pair": "first", "b/pair": "first", "gone0/l": "x" })
    const { slot, owner, other } = await placeOfPartition(cluster, "p")

    let step = 0
    const moved = await moveSlot(cluster, slot, owner, other, async () => {
      const n = ++step
      // On records of their own, so that they can be sent together.
      await Promise.all([
        attempt({ "a/pair": `${n}`, "b/pair": `${n}` }),
        attempt({ [`a/${n}`]: "new", [`b/${n}`]: "new" }),
        attempt({ "a/alone": `${n}` }),
        attempt({ "b/with": `${n}`, [`new${n}/l`]: "x" }),
        attempt({ "a/without": `${n}`, [`gone${n - 1}/l`]: undefined }),
        attempt({ [`gone${n}/l`]: "alone" }),
        readPair(),
      ])
    })
    await until(() => isHealthy(other))
    const counts = Object.fromEntries([...Map.groupBy(ends, (end) => end)].map(([end, all]) => [end, all.length]))
    const met = await redirections(cluster.masters)
    console.log("migration, standing still:", { moved, ...met, ...counts })
    expect(Object.keys(counts).sort()).toEqual(["UNAVAILABLE", "committed", "read UNAVAILABLE"])
    expect(met["TRYAGAIN"]).toBeGreaterThan(0)

    const collections = new Set(["a", "b"])
    for (let n = 0; n <= step; n++) collections.add(`new${n}`).add(`gone${n}`)
    const found = new Map<string, string>()
    for (const collection of collections) {
      const { records } = await storage.list("p", collection, { limit: 1_000, maxBytes: 1 << 20 })
      const read = await storage.read(
        "p",
        records.map(({ leaf }) => ({ collection, leaf })),
      )
      expect(read).toEqual(records.map(({ record }) => record))
      for (const { leaf, record } of records) found.set(`${collection}/${leaf}`, text(record.bytes))
    }
    expect(found).toEqual(expected)
    await storage.close()
    cluster.close()
  }, 60_000)
})
