import { randomBytes } from "node:crypto"
import { redisStorage } from "@strongroom/adapter-redis"
import type { StorageAdapter } from "@strongroom/core"
import { Redis } from "ioredis"
import { afterAll, beforeAll } from "vitest"
import { sharedUrl } from "../../packages/adapter-redis/test/support/available.ts"
import { keysOf } from "../../packages/adapter-redis/test/support/raw.ts"
import { startServer, stopServers } from "../../packages/adapter-redis/test/support/server.ts"
import type { Backend } from "../../packages/core/test/support/backend.ts"
import { whileOpening } from "../../packages/core/test/support/opening.ts"

/** Every store has a prefix of its own on one server, which lives as long as the suite that this is called in. */
export const redisBackend = (share: number): Backend => {
  let url = sharedUrl ?? ""
  let admin: Redis
  let probe: StorageAdapter
  beforeAll(async () => {
    if (sharedUrl === undefined) url = (await startServer()).url
    admin = new Redis(url)
    probe = await redisStorage({ url })
  })
  afterAll(async () => {
    await probe.close()
    admin.disconnect()
    await stopServers()
  })
  return {
    name: "Redis",
    share,
    make: () => {
      const prefix = `engine-${randomBytes(6).toString("hex")}:`
      const clients: StorageAdapter[] = []
      return {
        open: () => {
          const client = whileOpening(probe, redisStorage({ url, prefix }))
          clients.push(client)
          return client
        },
        dispose: async () => {
          await Promise.all(clients.map((client) => client.close()))
          const keys = await keysOf(admin, prefix)
          if (keys.length > 0) await admin.unlink(...keys)
        },
      }
    },
  }
}
