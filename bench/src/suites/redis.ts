import { randomBytes } from "node:crypto"
import { redisStorage } from "@strongroom/adapter-redis"
import { Redis } from "ioredis"
import type { Pace } from "../interleave.ts"
import { writers } from "../load.ts"
import { startRedis } from "../redis-server.ts"
import { goal, leftOut, type SuiteResult } from "../result.ts"
import { batchOf, comparisonIn, ours, remoteSuite, theirs } from "./remote.ts"

/** One script, one round trip: what somebody would write who needs the same records atomically. */
const writeAll = "for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end"

export const redisSuite = async (pace: Pace): Promise<SuiteResult> => {
  const server = await startRedis()
  if (server === undefined) return leftOut("no redis-server could be started here")
  const client = new Redis(server.url)
  try {
    const sha = String(await client.script("LOAD", writeAll))
    const comparisons = await remoteSuite(
      {
        id: "redis",
        title: "Redis",
        storage: await redisStorage({ url: server.url, prefix: "ours:" }),
        writer: (lengths) => {
          const records = lengths.map((length) => randomBytes(length))
          return (name) => {
            const fields = records.flatMap((record, index) => [`${name}/${index}`, record])
            return client.call("EVALSHA", sha, 1, "raw", ...fields)
          }
        },
        get: async (name, count) => {
          const found = await client.hmgetBuffer("raw", ...Array.from({ length: count }, (_, at) => `${name}/${at}`))
          if (found.includes(null)) throw new Error(`${name} is missing`)
        },
      },
      pace,
    )
    const creates = comparisonIn(comparisons, `redis-create-${writers}`)
    const batches = comparisonIn(comparisons, "redis-batch")
    const toRaw = `${writers} concurrent creates on Redis, against raw ioredis and sealing`
    const toSingle = "batch of 100 on Redis, against 100 single creates, per secret"
    return {
      comparisons,
      goals: [
        goal(toRaw, "speed", 0.6, creates, ours, theirs),
        goal(toSingle, "speed", 5, batches, batchOf(100), batchOf(1)),
      ],
    }
  } finally {
    client.disconnect()
    await server.stop()
  }
}
