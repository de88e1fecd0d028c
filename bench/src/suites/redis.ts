import { randomBytes } from "node:crypto"
import { redisStorage } from "@strongroom/adapter-redis"
import { Redis } from "ioredis"
import { cipherCallsOf, create, openWorld, read, replay, textOf } from "../engine.ts"
import { interleave, type Pace } from "../interleave.ts"
import { atOnce, fresh, inTurn, writers } from "../load.ts"
import { startRedis } from "../redis-server.ts"
import { type Comparison, type Goal, goal, type SuiteResult } from "../result.ts"
import { recordsOf } from "../watch.ts"

const strongroom = "Strongroom on Redis"
const raw = "raw ioredis, the same records, and sealing"

/** One script, one round trip: what somebody would write who needs the same records atomically. */
const writeAll = "for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end"

const stored = 500
const sizes = [1, 10, 100, 1_000]

/** `undefined` where there is no Redis server to be had. */
export const redisSuite = async (pace: Pace): Promise<SuiteResult | undefined> => {
  const server = await startRedis()
  if (server === undefined) return undefined
  const value = textOf(100)
  const { watched, lengths } = recordsOf(await redisStorage({ url: server.url, prefix: "ours:" }))
  const world = await openWorld({ storage: watched })
  const client = new Redis(server.url)
  try {
    await create(world, ["WARM"], value)
    await read(world, "WARM")
    const name = fresh("S")
    const sealing = replay(await cipherCallsOf(() => create(world, [name()], value)))
    const opening = replay(await cipherCallsOf(() => read(world, "WARM")))
    const records = lengths().map((length) => randomBytes(length))
    const rawName = fresh("raw")
    const rawCreate = () => {
      sealing()
      const name = rawName()
      const fields = records.flatMap((record, index) => [`${name}/${index}`, record])
      return client.call("EVALSHA", sha, 1, "raw", ...fields)
    }
    const sha = String(await client.script("LOAD", writeAll))
    await create(
      world,
      Array.from({ length: stored }, (_, index) => `READ${index}`),
      value,
    )
    const fields = records.flatMap((record, index) => [`read/${index}`, record])
    await client.call("EVALSHA", sha, 1, "raw", ...fields)
    const names = records.map((_, index) => `read/${index}`)
    let next = 0
    const operations = {
      create: { ours: () => create(world, [name()], value), theirs: rawCreate },
      read: {
        ours: () => read(world, `READ${next++ % stored}`),
        theirs: async () => {
          await client.hmgetBuffer("raw", ...names)
          opening()
        },
      },
    }
    const comparisons: Comparison[] = []
    const goals: Goal[] = []
    for (const kind of ["create", "read"] as const) {
      for (const [run, how] of [
        [inTurn, "one after the other"],
        [atOnce, `${writers} at a time`],
      ] as const) {
        const { ours, theirs } = operations[kind]
        const comparison = {
          id: `redis-${kind}-${run === inTurn ? 1 : writers}`,
          title: `Redis, ${kind} one secret, ${how}`,
          measured: await interleave(
            [
              { name: strongroom, run: (count) => run(count, ours) },
              { name: raw, run: (count) => run(count, theirs) },
            ],
            pace,
          ),
        }
        comparisons.push(comparison)
        if (kind === "create" && run === atOnce) {
          const what = `${writers} concurrent creates on Redis, against raw ioredis and sealing`
          goals.push(goal(what, "speed", 0.6, comparison, strongroom, raw))
        }
      }
    }
    const batches: Comparison = {
      id: "redis-batch",
      title: "Redis, creates per secret, by how many a request has",
      measured: await interleave(
        sizes.map((size) => ({
          name: `${size} in a request`,
          run: (count) => inTurn(count / size, () => create(world, Array.from({ length: size }, name), value)),
          each: size,
        })),
        pace,
      ),
    }
    comparisons.push(batches)
    goals.push(
      goal(
        "batch of 100 on Redis, against 100 single creates, per secret",
        "speed",
        5,
        batches,
        "100 in a request",
        "1 in a request",
      ),
    )
    return { comparisons, goals }
  } finally {
    client.disconnect()
    await world.engine.close()
    await server.stop()
  }
}
