import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, expect, it, type TestContext } from "vitest"
import { requireStrace } from "../../adapter-lmdb/test/strace.ts"
import { put } from "../../core/test/storage/records.ts"
import { redisStorage } from "../src/index.ts"
import { describeWithServers } from "./support/available.ts"
import { infoOf } from "./support/cluster.ts"
import { type Config, startServer, stopServers } from "./support/server.ts"

afterAll(stopServers)

const marker = "MARKED-LEAF"

/** What the server's main thread did about one commit, in order. */
const eventsOf = (log: string): string[] => {
  const events: string[] = []
  let client = "none"
  for (const line of log.split("\n")) {
    const [, call = "", descriptor = "", rest = ""] = /^(\w+)\((\d+)(.*)$/.exec(line) ?? []
    if (call === "read" && rest.includes(marker)) {
      client = descriptor
      events.push("request")
    } else if (call === "write" && rest.includes(marker)) {
      events.push("append")
    } else if (call.endsWith("sync") && rest.endsWith(" = 0")) {
      events.push("sync")
    } else if (call.startsWith("write") && descriptor === client) {
      events.push("reply")
    }
  }
  return events
}

const watch = async (context: TestContext, config: Config): Promise<{ events: string[]; durable: boolean }> => {
  requireStrace(context)
  const server = await startServer(config)
  const storage = await redisStorage({ url: server.url })
  const commit = (leaf: string) => storage.commit("p", { checks: [], writes: [put({ collection: "c", leaf })] })
  await commit("warm")

  const log = join(server.directory, "strace.log")
  const pid = (await infoOf(server, "INFO", "server"))["process_id"] ?? ""
  const traced = ["-p", pid, "-s", "100000", "-o", log, "-e", "trace=read,write,writev,fdatasync,fsync"]
  const strace = spawn("strace", traced, { stdio: ["ignore", "ignore", "pipe"] })
  const closed = once(strace, "close")
  let said = ""
  for await (const chunk of strace.stderr.iterator({ destroyOnReturn: false })) {
    said += chunk
    if (said.includes("attached")) break
  }
  if (!said.includes("attached")) {
    // Where kernel.yama.ptrace_scope forbids it.
    const { CI } = process.env
    if (CI === "true") throw new Error(`strace cannot attach: ${said}`)
    context.skip(`strace may not attach to a process here: ${said.trim()}`)
  }
  expect((await commit(marker)).status).toBe("committed")
  strace.kill("SIGINT")
  await closed
  await storage.close()
  return { events: eventsOf(await readFile(log, "utf8")), durable: storage.capabilities.durable }
}

describeWithServers("a commit that is called durable (needs strace)", () => {
  it("is synced between its request and its reply", async (context) => {
    const { events, durable } = await watch(context, { appendonly: "yes", appendfsync: "always" })
    expect(durable).toBe(true)
    expect(events).toEqual(["request", "append", "sync", "reply"])
  })

  it("is not where it is not called so, and that is noticed", async (context) => {
    const { events, durable } = await watch(context, { appendonly: "yes", appendfsync: "no" })
    expect(durable).toBe(false)
    expect(events).toEqual(["request", "append", "reply"])
  })
})
