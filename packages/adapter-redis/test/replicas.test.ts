import { randomBytes } from "node:crypto"
import { setTimeout as delay } from "node:timers/promises"
import { testStorageAdapter } from "@strongroom/adapter-testkit"
import type { StorageAdapter } from "@strongroom/core"
import { Redis, type RedisOptions } from "ioredis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { put } from "../../core/test/storage/records.ts"
import { Connection } from "../src/connection.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import { infoOf, until } from "./support/cluster.ts"
import { codeOf } from "./support/load.ts"
import { type Server, startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

describeWithServers("commits that wait for a replica", () => {
  let master: Server
  let replica: Server
  let replicaPid: number
  const isSynced = async () => (await infoOf(replica, "INFO", "replication"))["master_link_status"] === "up"
  beforeAll(async () => {
    master = await startServer({ "repl-diskless-sync-delay": "0", appendonly: "yes", appendfsync: "always" })
    replica = await startServer({ replicaof: `127.0.0.1 ${master.port}` })
    replicaPid = Number((await infoOf(replica, "INFO", "server"))["process_id"])
    await until(isSynced)
  })

  const open = async (timeoutMs: number, options: RedisOptions = {}, prefix = "strongroom:") => {
    const client = new Redis(master.port, { ...options, replyMapping: "legacy" })
    const storage = await redisStorage({ client, prefix, replicas: { count: 1, timeoutMs } })
    client.disconnect()
    return storage
  }
  const commit = (storage: StorageAdapter, signal?: AbortSignal) =>
    storage
      .commit("p", { checks: [], writes: [put({ collection: "c", leaf: "l" })] }, signal && { signal })
      .then(({ status }) => status, codeOf)
  /** The replica stands still until `during` ends, which begins when a commit waits for it. */
  const whileItWaits = async <T>(call: () => Promise<T>, during: () => Promise<unknown>): Promise<T> => {
    process.kill(replicaPid, "SIGSTOP")
    try {
      const outcome = call()
      await until(async () => (await infoOf(master, "INFO", "clients"))["blocked_clients"] === "1")
      await during()
      process.kill(replicaPid, "SIGCONT")
      return await outcome
    } finally {
      process.kill(replicaPid, "SIGCONT")
    }
  }

  it("are finished by `close`", async () => {
    const storage = await open(20_000)
    let closing: Promise<void> | undefined
    const during = async () => {
      closing = storage.close()
      await delay(50)
    }
    expect(await whileItWaits(() => commit(storage), during)).toBe("committed")
    await closing
  })

  it("are not cut by time limits of the caller's client that are shorter", async () => {
    for (const options of [{ socketTimeout: 100 }, { commandTimeout: 100 }]) {
      const storage = await open(20_000, options)
      expect(
        await whileItWaits(
          () => commit(storage),
          () => delay(300),
        ),
      ).toBe("committed")
      await storage.close()
    }
  })

  it("can be aborted, which leaves their outcome unknown", async () => {
    const storage = await open(20_000)
    const abort = new AbortController()
    const outcome = await whileItWaits(
      () => commit(storage, abort.signal),
      async () => {
        abort.abort()
        // Its answer, if it waited for the replica, would win.
        await delay(50)
      },
    )
    expect(outcome).toBe("UNKNOWN_OUTCOME")
    await storage.close()
  })

  it("count no acknowledgement of another connection than theirs", async () => {
    // The nodes of a cluster queue what they cannot send yet, and send it on the next connection.
    const client = new Redis(master.port, { enableOfflineQueue: true, maxRetriesPerRequest: null, lazyConnect: true })
    const { connection } = await Connection.open(client, undefined)
    const before = client.stream
    expect(await connection.acknowledgements(before, 1, 20_000)).toBe(1)
    before.end()
    expect(await connection.acknowledgements(before, 1, 20_000)).toBeUndefined()
    expect(client.stream).not.toBe(before)
    connection.close()
  })

  // Kills and what lies in the server are the same without replicas: conformance.test.ts.
  const elsewhere = /^(peer|at-rest)-/
  testStorageAdapter(
    { describe, it: (name, body, timeoutMs) => elsewhere.test(name) || it(name, body, timeoutMs), afterAll },
    {
      name: "redis with a replica",
      make: async () => {
        const prefix = `kit-${randomBytes(6).toString("hex")}:`
        const second = () => open(10_000, {}, prefix)
        const dispose = async () => void (await master.command("FLUSHALL"))
        return { storage: await second(), second, reopen: second, dispose }
      },
    },
  )
})
