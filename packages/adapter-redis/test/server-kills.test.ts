import { setTimeout as delay } from "node:timers/promises"
import fc from "fast-check"
import { afterAll, expect, it } from "vitest"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import { type Load, startLoad } from "./support/load.ts"
import { startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

const rounds = 20

/**
 * A killed server proves atomicity, and that nothing is acknowledged before it is written. It does not prove durability:
 * what was written outlives the process in the kernel's cache, with `appendfsync no` too. The sync itself is seen in
 * durability.test.ts.
 */
describeWithServers("a server that is killed under load, with appendfsync always", () => {
  it(`has every acknowledged commit after it is started again, and none torn, ${rounds} times`, async () => {
    const server = await startServer({ appendonly: "yes", appendfsync: "always" })
    const storage = await redisStorage({ url: server.url })
    const delays = fc.sample(fc.nat({ max: 30 }), rounds)
    const loads: Load[] = []
    let inFlight = 0
    for (const [round, pause] of delays.entries()) {
      const allowed = ["UNAVAILABLE", "UNKNOWN_OUTCOME"]
      const load = startLoad(storage, { partitions: [`p${round}`], writers: 8, allowed })
      loads.push(load)
      await load.proceed(20)
      await delay(pause)
      await server.kill()
      await server.restart()
      await load.proceed(5)
      await load.stop()
      if ((load.ends.get("UNKNOWN_OUTCOME") ?? 0) > 0) inFlight++
      await load.verify(storage)
    }
    for (const load of loads) await load.verify(storage)
    const ends = new Map<string, number>()
    for (const load of loads) for (const [end, n] of load.ends) ends.set(end, (ends.get(end) ?? 0) + n)
    console.log("server kills:", { rounds, inFlight, ...Object.fromEntries(ends) })
    // A kill that meets no commit under way proves little.
    expect(inFlight).toBeGreaterThan(rounds / 2)
    await storage.close()
  }, 90_000)
})
