import { randomBytes } from "node:crypto"
import { getEventListeners } from "node:events"
import type { Logger, StorageAdapter, Write } from "@strongroom/core"
import { Cluster, Redis } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { newRevision, put, text } from "../../core/test/storage/records.ts"
import { Connection } from "../src/connection.ts"
import { redisStorage } from "../src/index.ts"
import { readScript } from "../src/scripts.ts"
import { describeWithServers } from "./support/available.ts"
import { infoOf, isHealthy, placeOf, startCluster, until } from "./support/cluster.ts"
import { codeOf, recovered } from "./support/load.ts"
import { keysOf } from "./support/raw.ts"
import { type Server, startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

const address = { collection: "c", leaf: "l" }
const codeOfCall = (call: Promise<unknown>): Promise<string> => call.then(() => "ok", codeOf)

const commit = (storage: StorageAdapter, ...writes: Write[]) =>
  storage.commit("p", { checks: [], writes }).then(({ status }) => status, codeOf)
const read = (storage: StorageAdapter) => storage.read("p", [address]).then(([record]) => text(record?.bytes), codeOf)
const list = (storage: StorageAdapter) => codeOfCall(storage.list("p", "c", { limit: 10, maxBytes: 1_000 }))

const warnings = () => {
  const told: string[] = []
  const logger: Logger = { debug() {}, info() {}, error() {}, warn: (message) => void told.push(message) }
  return { told, logger }
}

const persistent = { appendonly: "yes", appendfsync: "always" }

describeWithServers("a server that cannot serve now", () => {
  it.concurrent("LOADING is UNAVAILABLE, and over by itself", async () => {
    const server = await startServer(persistent)
    const storage = await redisStorage({ url: server.url })
    expect(await commit(storage, put(address, "kept"))).toBe("committed")
    for (let i = 0; i < 1_000; i++) await server.command("SET", `filler-${i}`, "x")
    await server.command("BGREWRITEAOF")
    await until(async () => (await infoOf(server, "INFO", "persistence"))["aof_rewrite_in_progress"] === "0")
    // Microseconds a key, so ten seconds: a call waits for five.
    const slow = { "key-load-delay": "10000", "loading-process-events-interval-bytes": "1024" }
    await server.restart(slow, "Server initialized")
    const isLoading = async () => (await infoOf(server, "INFO", "persistence"))["loading"] === "1"
    await until(isLoading)
    const calls = [commit(storage, put(address, "lost")), read(storage), list(storage)]
    expect(await Promise.all(calls)).toEqual(Array(3).fill("UNAVAILABLE"))
    expect(await isLoading()).toBe(true)
    await recovered(storage)
    expect(await read(storage)).toBe("kept")
    expect(await commit(storage, put(address, "next"))).toBe("committed")
    await storage.close()
  }, 60_000)

  it.concurrent("a server that becomes a replica takes no commits, and serves no reads that may be old", async () => {
    const master = await startServer({ "repl-diskless-sync-delay": "0" })
    // Microseconds a key, so a second for what the master has.
    const replica = await startServer({ "key-load-delay": "5000", "loading-process-events-interval-bytes": "1024" })
    const storage = await redisStorage({ url: replica.url })
    expect(await commit(storage, put(address, "before"))).toBe("committed")
    expect(await read(storage)).toBe("before")
    for (let i = 0; i < 200; i++) await master.command("SET", `filler-${i}`, "x".repeat(1_000))
    await replica.command("REPLICAOF", "127.0.0.1", master.port)

    // It loads what the master has, and its connections stay: this time it is the server that says so.
    await until(async () => (await infoOf(replica, "INFO", "persistence"))["loading"] === "1")
    const error = await failureOf(storage.read("p", [address]))
    expect([codeOf(error), String(error)]).toEqual(["UNAVAILABLE", expect.stringMatching(/LOADING/)])
    expect(await commit(storage, put(address, "lost"))).toBe("UNAVAILABLE")

    await until(async () => (await infoOf(replica, "INFO", "replication"))["master_link_status"] === "up")
    const calls = [commit(storage, put(address, "lost")), read(storage), list(storage)]
    expect(await Promise.all(calls)).toEqual(Array(3).fill("UNAVAILABLE"))
    await replica.command("REPLICAOF", "NO", "ONE")
    expect(await commit(storage, put(address, "after"))).toBe("committed")
    expect(await read(storage)).toBe("after")
    await storage.close()
  })

  it.concurrent("a cluster that lost a master without a replica is UNAVAILABLE, and back when the master is", async () => {
    const cluster = await startCluster(0, persistent)
    const storage = await redisStorage({ client: cluster.connect() })
    const partitions = Array.from({ length: 12 }, (_, i) => `p${i}`)
    const write = (partition: string) =>
      storage.commit(partition, { checks: [], writes: [put(address)] }).then(({ status }) => status, codeOf)
    for (const partition of partitions) expect(await write(partition)).toBe("committed")

    // The servers' own word for it first, from those that the client has no reason to leave.
    const { slot, owner } = await placeOf(cluster, "{p0}")
    for (const node of cluster.masters) await node.command("CLUSTER", "DELSLOTS", slot)
    const error = await failureOf(storage.commit("p0", { checks: [], writes: [put(address)] }))
    expect([codeOf(error), String(error)]).toEqual(["UNAVAILABLE", expect.stringMatching(/CLUSTERDOWN/)])
    await owner.command("CLUSTER", "ADDSLOTS", slot)
    for (const node of cluster.masters) await until(() => isHealthy(node))

    const [dead, alive] = cluster.masters
    if (dead === undefined || alive === undefined) throw new Error("no nodes")
    await dead.kill()
    await until(async () => (await infoOf(alive))["cluster_state"] === "fail")
    const readFrom = (partition: string) => codeOfCall(storage.read(partition, [address]))
    const calls = partitions.flatMap((partition) => [write(partition), readFrom(partition)])
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["UNAVAILABLE"]))
    await dead.restart()
    await until(() => isHealthy(alive))
    await until(() => isHealthy(dead))
    for (const partition of partitions) {
      await until(async () => (await readFrom(partition)) === "ok")
      expect(await write(partition)).toBe("committed")
    }
    await storage.close()
    cluster.close()
  }, 60_000)

  it.concurrent("OOM refuses commits whole, keeps serving reads, and is over when there is room", async () => {
    const server = await startServer({ ...persistent, maxmemory: "8mb" })
    const storage = await redisStorage({ url: server.url })
    const pair = (leaf: string, bytes: number): Write[] =>
      ["left", "right"].map((collection) => put({ collection, leaf }, new Uint8Array(bytes)))
    const ends: string[] = []
    for (let i = 0; i < 60; i++) ends.push(await commit(storage, ...pair(`${i}`, 100_000)))
    const refused = ends.indexOf("UNAVAILABLE")
    expect(refused).toBeGreaterThan(0)
    expect(new Set(ends)).toEqual(new Set(["committed", "UNAVAILABLE"]))
    // One that begins with room and ends without.
    await server.command("CONFIG", "SET", "maxmemory", `${(await usedMemory(server)) + 300_000}`)
    const large = Array.from({ length: 100 }, (_, i) => pair(`large-${i}`, 30_000)).flat()
    ends.push(await commit(storage, ...large))

    const leaves = async (collection: string) =>
      (await storage.list("p", collection, { limit: 1_000, maxBytes: 1e9 })).records.map(({ leaf }) => leaf)
    const lefts = await leaves("left")
    expect(lefts).toEqual(await leaves("right"))
    const acknowledged = ends.flatMap((end, i) => (end === "committed" && i < 60 ? [`${i}`] : []))
    expect(lefts.filter((leaf) => !leaf.startsWith("large")).sort()).toEqual(acknowledged.sort())
    expect(lefts.filter((leaf) => leaf.startsWith("large"))).toHaveLength(ends.at(-1) === "committed" ? 100 : 0)

    await server.command("CONFIG", "SET", "maxmemory", "100mb")
    expect(await commit(storage, ...pair("room", 100_000))).toBe("committed")
    await storage.close()
  })

  // How long ioredis waits for a server to hang up.
  const disconnectTimeout = 60_000
  for (const kind of ["server", "cluster"]) {
    it.concurrent(`close gives up on a ${kind} that is silent: commits are unknown outcomes, reads UNAVAILABLE`, async () => {
      const servers = kind === "server" ? [await startServer()] : (await startCluster()).masters
      const [first] = servers
      const client =
        kind === "server"
          ? new Redis(first?.port ?? 0, { disconnectTimeout })
          : new Cluster(
              servers.map(({ port }) => ({ port, host: "127.0.0.1" })),
              { redisOptions: { disconnectTimeout } },
            )
      const storage = await redisStorage({ client })
      client.disconnect()
      expect(await commit(storage, put(address))).toBe("committed")
      const pids = await Promise.all(
        servers.map(async (server) => Number((await infoOf(server, "INFO", "server"))["process_id"])),
      )
      for (const pid of pids) process.kill(pid, "SIGSTOP")
      const calls = [commit(storage, put(address)), read(storage), list(storage)]
      await storage.close()
      expect(await Promise.all(calls)).toEqual(["UNKNOWN_OUTCOME", "UNAVAILABLE", "UNAVAILABLE"])
      // Less than the 30 seconds after which a silent connection is given up anyway.
    }, 20_000)
  }

  it.concurrent("nobody at the address is UNAVAILABLE when opened, without the password", async () => {
    const server = await startServer()
    await server.kill()
    const error = await failureOf(redisStorage({ url: `redis://user:hunter2@127.0.0.1:${server.port}/0` }))
    expect(codeOf(error)).toBe("UNAVAILABLE")
    expect(allTextOf(error)).not.toContain("hunter2")
  })
})

const usedMemory = async (server: Server) => Number((await infoOf(server, "INFO", "memory"))["used_memory"])

const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => {
      throw new Error("it did not fail")
    },
    (error: unknown) => error,
  )

/** All that a logger could make of an error: its causes, and properties that nobody lists. */
const allTextOf = (error: unknown): string => {
  const texts: string[] = []
  for (let each = error; each instanceof Error; each = each.cause) {
    texts.push(String(each), each.stack ?? "", JSON.stringify(each, Object.getOwnPropertyNames(each)))
  }
  return texts.join("\n")
}

describeWithServers("a server that will not serve", () => {
  const password = `hunter2${randomBytes(4).toString("hex")}`

  it("NOAUTH and WRONGPASS are FATAL when opened, and tell no password", async () => {
    const server = await startServer({ requirepass: password })
    for (const url of [server.url, server.url.replace("//", "//:wrong-hunter3@")]) {
      const error = await failureOf(redisStorage({ url }))
      expect(codeOf(error)).toBe("FATAL")
      expect(allTextOf(error)).not.toMatch(/hunter/)
    }
    const storage = await redisStorage({ url: server.url.replace("//", `//:${password}@`) })
    expect(await commit(storage, put(address, "kept"))).toBe("committed")
    await storage.close()
  })

  it("a password that is changed under way is typed, and what was there is there afterwards", async () => {
    const server = await startServer({ requirepass: password })
    const admin = server.connect({ password })
    const storage = await redisStorage({ url: server.url.replace("//", `//:${password}@`) })
    expect(await commit(storage, put(address, "kept"))).toBe("committed")
    await admin.call("CONFIG", "SET", "requirepass", "another")
    await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await until(async () => ["FATAL", "UNAVAILABLE"].includes(await commit(storage, put(address, "lost"))))
    expect(["FATAL", "UNAVAILABLE"]).toContain(await commit(storage, put(address, "lost")))
    expect(["FATAL", "UNAVAILABLE"]).toContain(await read(storage))
    await admin.call("CONFIG", "SET", "requirepass", password)
    await until(async () => !["FATAL", "UNAVAILABLE"].includes(await read(storage)))
    expect(await read(storage)).toBe("kept")
    await storage.close()
  })

  for (const policy of ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"]) {
    it(`may not evict what it was given: ${policy} is FATAL when opened`, async () => {
      const server = await startServer({ "maxmemory-policy": policy })
      const error = await failureOf(redisStorage({ url: server.url }))
      expect(codeOf(error)).toBe("FATAL")
      expect(String(error)).toMatch(/noeviction/)
    })
  }

  it("may not evict on any node of a cluster", async () => {
    const cluster = await startCluster()
    await cluster.masters[2]?.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    expect(codeOf(await failureOf(redisStorage({ client: cluster.connect() })))).toBe("FATAL")
    cluster.close()
  })

  it("keys of somebody else at the place of its own: a typed error, and nothing of the commit is written", async () => {
    const server = await startServer()
    const storage = await redisStorage({ url: server.url, prefix: "ours:" })
    const addresses = ["a", "b", "c"].map((collection) => ({ collection, leaf: "l" }))
    const writes = () => addresses.map((address) => put(address, newRevision()))
    const revision = newRevision()
    const first = addresses.map((address) => ({ ...address, record: { revision, bytes: new Uint8Array(1) } }))
    const client = server.connect()
    expect(await commit(storage, ...first)).toBe("committed")
    const keys = await keysOf(client, "ours:")
    expect(keys.length).toBeGreaterThanOrEqual(3)
    for (const foreign of keys) {
      expect(await commit(storage, ...first)).toBe("committed")
      const kept = await client.dumpBuffer(foreign)
      await client.set(foreign, "foreign")
      const before = await Promise.all(keys.map((key) => client.dumpBuffer(key)))
      expect(await commit(storage, ...writes()), `at ${foreign}`).toBe("FATAL")
      for (const updates of [writes(), addresses.map((address) => ({ ...address, record: undefined }))]) {
        const checks = addresses.map((address) => ({ ...address, revision }))
        const update = storage.commit("p", { checks, writes: updates })
        expect(codeOf(await failureOf(update)), `checked, at ${foreign}`).toBe("FATAL")
      }
      expect(await Promise.all(keys.map((key) => client.dumpBuffer(key)))).toEqual(before)
      await client.call("RESTORE", foreign, 0, kept ?? "", "REPLACE")
      expect(await commit(storage, ...writes())).toBe("committed")
    }
    await storage.close()
  })
})

describeWithServers("what a server keeps", () => {
  it("nothing on disk is warned of once, by the logger alone", async () => {
    const server = await startServer()
    const { told, logger } = warnings()
    const storage = await redisStorage({ url: server.url, logger })
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/append/i)
    expect(storage.capabilities.durable).toBe(false)
    await storage.close()
  })

  it("everything on disk, always: no warning", async () => {
    const server = await startServer(persistent)
    const { told, logger } = warnings()
    const storage = await redisStorage({ url: server.url, logger })
    expect(told).toEqual([])
    expect(storage.capabilities.durable).toBe(true)
    await storage.close()
  })

  it("everything on disk, a second late: not durable", async () => {
    const server = await startServer({ appendonly: "yes", appendfsync: "everysec" })
    const storage = await redisStorage({ url: server.url })
    expect(storage.capabilities.durable).toBe(false)
    await storage.close()
  })

  it("scripts may be flushed at any time: nobody notices", async () => {
    const server = await startServer()
    const storage = await redisStorage({ url: server.url })
    for (let i = 0; i < 5; i++) {
      await server.command("SCRIPT", "FLUSH")
      const together = Array.from({ length: 4 }, (_, j) => commit(storage, put({ collection: "c", leaf: `${i}-${j}` })))
      expect(await Promise.all(together)).toEqual(Array(4).fill("committed"))
      await server.command("FUNCTION", "FLUSH")
      expect(await commit(storage, put(address, `${i}`))).toBe("committed")
      expect(await read(storage)).toBe(`${i}`)
    }
    await storage.close()
  })
})

describeWithServers("a connection that was closed", () => {
  it("is not opened again for a call that still waited for it", async () => {
    const server = await startServer()
    const client = new Redis(server.port, { lazyConnect: true })
    const { connection } = await Connection.open(client, undefined)
    connection.close()
    await until(async () => client.status === "end")
    expect(codeOf(await failureOf(connection.run(readScript, [], [], { writes: false })))).toBe("UNAVAILABLE")
    expect(client.status).toBe("end")
  })
})

describeWithServers("a signal that lives long", () => {
  it("keeps nothing of the calls that it was given to, however they ended", async () => {
    const server = await startServer()
    const storage = await redisStorage({ url: server.url })
    const { signal } = new AbortController()
    const revision = newRevision()
    const refused = { checks: [{ ...address, revision }], writes: [put(address)] }
    await storage.commit("p", { checks: [], writes: [put(address)] }, { signal })
    await storage.commit("p", refused, { signal })
    await storage.read("p", [address], { signal })
    await storage.list("p", "c", { limit: 1, maxBytes: 1, signal })
    await server.command("SET", "strongroom:{p}:h:foreign", "x")
    const failing = storage.read("p", [{ collection: "foreign", leaf: "l" }], { signal })
    expect(codeOf(await failureOf(failing))).toBe("FATAL")
    expect(getEventListeners(signal, "abort")).toEqual([])
    await storage.close()
  })
})

describeWithServers("a page without a limit", () => {
  it("holds everything, however large the number that says so", async () => {
    const server = await startServer()
    const storage = await redisStorage({ url: server.url })
    const leaves = ["a", "b", "c"]
    expect(await commit(storage, ...leaves.map((leaf) => put({ collection: "c", leaf })))).toBe("committed")
    for (const number of [2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 60, 2 ** 63, 2 ** 64, Number.MAX_VALUE]) {
      const { records, more } = await storage.list("p", "c", { limit: number, maxBytes: number })
      expect([records.map(({ leaf }) => leaf), more], `${number}`).toEqual([leaves, false])
    }
    await storage.close()
  })
})

describeWithServers("commits at the limits", () => {
  it("are taken whole: records, checks, bytes of one, bytes of all", async () => {
    const server = await startServer()
    const storage = await redisStorage({ url: server.url })
    const { commitBytes, commitRecords, recordBytes } = storage.limits
    expect(commitRecords).toBeGreaterThanOrEqual(1_000)
    const revision = newRevision()
    const many = Array.from({ length: commitRecords }, (_, i) => ({
      // All in one, so that it is more than Lua's stack holds at once.
      collection: "c",
      leaf: `${i}`,
      record: { revision, bytes: new Uint8Array(Math.floor(commitBytes / commitRecords)).fill(i) },
    }))
    const absent = many.map(({ collection, leaf }) => ({ collection, leaf, revision: undefined }))
    expect((await storage.commit("p", { checks: absent, writes: many })).status).toBe("committed")
    const found = await storage.read("p", many)
    expect(
      found.every((record, i) => Buffer.from(many[i]?.record.bytes ?? []).equals(record?.bytes ?? new Uint8Array())),
    ).toBe(true)
    const present = absent.map((check) => ({ ...check, revision }))
    const deletes = many.map(({ collection, leaf }) => ({ collection, leaf, record: undefined }))
    expect(await storage.commit("p", { checks: absent, writes: deletes })).toEqual({
      status: "conflict",
      addresses: many.map(({ collection, leaf }) => ({ collection, leaf })),
    })
    expect((await storage.commit("p", { checks: present, writes: deletes })).status).toBe("committed")
    expect(await storage.read("p", many)).toEqual(many.map(() => undefined))

    const largest = new Uint8Array(randomBytes(recordBytes))
    expect(await commit(storage, put(address, largest))).toBe("committed")
    const [large] = await storage.read("p", [address])
    expect(Buffer.from(largest).equals(large?.bytes ?? new Uint8Array())).toBe(true)
    await storage.close()
  })
})
