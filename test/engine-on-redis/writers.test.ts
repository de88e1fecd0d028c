import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Redis } from "ioredis"
import { afterAll, expect, it } from "vitest"
import { describeOnServer, sharedUrl } from "../../packages/adapter-redis/test/support/available.ts"
import { keysOf } from "../../packages/adapter-redis/test/support/raw.ts"
import { startServer, stopServers } from "../../packages/adapter-redis/test/support/server.ts"
import type { Report } from "./write.ts"

const script = fileURLToPath(new URL("./write.ts", import.meta.url))
const run = promisify(execFile)
const mebibyte = 1 << 20

afterAll(stopServers)

describeOnServer("64 concurrent writers on one workspace", () => {
  it("for 20 seconds: no error, no lost update, and a heap that does not grow", { timeout: 60_000 }, async () => {
    const url = sharedUrl ?? (await startServer({ appendonly: "yes", appendfsync: "always" })).url
    const prefix = `writers-${randomBytes(6).toString("hex")}:`
    const { stdout } = await run(process.execPath, ["--expose-gc", script, url, prefix])
    const report: Report = JSON.parse(stdout)
    const admin = new Redis(url)
    await admin.unlink(...(await keysOf(admin, prefix)))
    admin.disconnect()
    console.log("64 writers:", report)
    expect(report.errors).toEqual([])
    expect(report.contests).toBeGreaterThan(0)
    // Eight writers, two in each of four environments: one of two gets it.
    expect(report.lost).toBe(report.contests * 4)
    expect(report.found).toBe(report.created)
    expect(report.wrong).toBe(0)
    expect(report.heapLate - report.heapEarly).toBeLessThan(20 * mebibyte)
  })
})
