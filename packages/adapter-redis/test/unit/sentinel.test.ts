import { spawn } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { Redis } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { freePort } from "../../../../test/free-port.ts"
import { put, text } from "../../../core/test/storage/records.ts"
import { redisStorage } from "../../src/index.ts"
import { describeWithServers } from "../support/available.ts"
import { infoOf, until } from "../support/cluster.ts"
import { codeOf } from "../support/load.ts"
import { startServer, stopServers } from "../support/server.ts"

afterAll(stopServers)

const address = { collection: "c", leaf: "l" }

it("refuses a client of a replica", async () => {
  const client = new Redis({ sentinels: [{ port: 1 }], name: "m", role: "slave", lazyConnect: true })
  expect(await redisStorage({ client }).catch(codeOf)).toBe("FATAL")
})

// Slow: Sentinel asks a master for its replicas every 10 seconds.
if (process.env["STRONGROOM_SLOW"] === "1") {
  describeWithServers("behind Sentinel", () => {
    it("a failover is waited for, and what replicas had acknowledged is there", async () => {
      const master = await startServer()
      const replica = await startServer({ replicaof: `127.0.0.1 ${master.port}`, "repl-diskless-sync-delay": "0" })
      await until(async () => (await infoOf(replica, "INFO", "replication"))["master_link_status"] === "up")
      const port = await freePort()
      const file = `${replica.directory}/sentinel.conf`
      const lines = [
        `port ${port}`,
        `sentinel monitor m 127.0.0.1 ${master.port} 1`,
        "sentinel down-after-milliseconds m 300",
      ]
      await writeFile(file, lines.join("\n"))
      const sentinel = spawn("redis-server", [file, "--sentinel"], { stdio: "ignore" })
      const admin = new Redis({ port })
      admin.on("error", () => {}) // not listening yet
      await until(async () => String(await admin.call("SENTINEL", "replicas", "m")).includes(`${replica.port}`))

      const client = new Redis({ sentinels: [{ port }], name: "m", lazyConnect: true })
      const storage = await redisStorage({ client, replicas: { count: 1, timeoutMs: 1_000 } })
      expect(await storage.commit("p", { checks: [], writes: [put(address, "kept")] })).toEqual({ status: "committed" })
      await master.kill()
      const readText = async () => text((await storage.read("p", [address]))[0]?.bytes)
      await expect.poll(() => readText().catch(codeOf), { timeout: 20_000 }).toBe("kept")
      await storage.close()
      admin.disconnect()
      sentinel.kill()
    })
  })
}
