import { setTimeout as delay } from "node:timers/promises"
import type { StorageAdapter, Write } from "@strongroom/core"
import { afterAll, expect, it } from "vitest"
import { put, text } from "../../core/test/storage/records.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import {
  infoOf,
  isHealthy,
  moveSlot,
  type Node,
  placeOf,
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

  /** What each leaf must hold; a commit changes several collections, or none. */
  type Expected = Map<string, string>

  const address = (path: string) => {
    const [collection = "", leaf = ""] = path.split("/")
    return { collection, leaf }
  }
  const write = (path: string, value: string | undefined): Write =>
    value === undefined ? { ...address(path), record: undefined } : put(address(path), value)

  const attempt = async (
    storage: StorageAdapter,
    expected: Expected,
    changes: readonly [string, string | undefined][],
  ) => {
    const code = await storage
      .commit("p", { checks: [], writes: changes.map(([path, value]) => write(path, value)) })
      .then(({ status }) => status, codeOf)
    expect(["committed", "UNAVAILABLE"]).toContain(code)
    if (code === "UNAVAILABLE") return code
    for (const [path, value] of changes) {
      if (value === undefined) expected.delete(path)
      else expected.set(path, value)
    }
    return code
  }

  it("and stands still at each key on its way: all of a commit or nothing, collections that come and go included", async () => {
    const cluster = await startCluster()
    const storage = await redisStorage({ client: cluster.connect() })
    const expected: Expected = new Map()
    const base = ["a", "b", "c", "d"].map((collection) => [`${collection}/0`, "first"] as const)
    await attempt(
      storage,
      expected,
      base.map(([path, value]) => [path, value]),
    )
    const { slot, owner, other } = await placeOfPartition(cluster, "p")

    const ends: string[] = []
    let step = 0
    const exercise = async () => {
      const n = ++step
      const commits: [string, string | undefined][][] = [
        // All that was there, something new in each, and one collection alone.
        base.map(([path]) => [path, `${n}`]),
        base.map(([path]) => [path.replace("0", `${n}`), `${n}`]),
        [["a/0", `${n} alone`]],
        // A collection that is new, with one that is there; then its end.
        [
          [`new${n}/0`, "x"],
          ["b/0", `${n} with new`],
        ],
        [
          [`new${n}/0`, undefined],
          ["c/0", `${n} with delete`],
        ],
        [[`alone${n}/0`, "x"]],
      ]
      for (const changes of commits) {
        ends.push(await attempt(storage, expected, changes))
        // A stale or torn read would be a wrong one; none at all is allowed.
        const found = await storage
          .read(
            "p",
            base.map(([path]) => address(path)),
          )
          .catch(codeOf)
        if (typeof found === "string") expect(found).toBe("UNAVAILABLE")
        else expect(found.map((record) => text(record?.bytes))).toEqual(base.map(([path]) => expected.get(path)))
      }
    }
    const moved = await moveSlot(cluster, slot, owner, other, exercise)
    expect(moved).toBeGreaterThanOrEqual(4)
    expect(ends).toContain("committed")
    const met = await redirections(cluster.masters)
    expect(met["TRYAGAIN"]).toBeGreaterThan(0)

    await until(() => isHealthy(other))
    for (const collection of new Set([...expected.keys()].map((path) => path.split("/")[0] ?? ""))) {
      const { records } = await storage.list("p", collection, { limit: 1_000, maxBytes: 1 << 20 })
      const wanted = [...expected].filter(([path]) => path.startsWith(`${collection}/`)).sort()
      const found = records.map(({ leaf, record }) => [`${collection}/${leaf}`, text(record.bytes)]).sort()
      expect(found).toEqual(wanted)
    }
    console.log("migration, standing still:", { moved, ...met, ...count(ends) })
    await storage.close()
    cluster.close()
  }, 60_000)
})

const count = (ends: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(ends, (end) => end)].map(([end, all]) => [end, all.length]))
