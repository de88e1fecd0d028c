import { rm } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, expect, it } from "vitest"
import { describeWithServers } from "../../../packages/adapter-redis/test/support/available.ts"
import { startServer, stopServers } from "../../../packages/adapter-redis/test/support/server.ts"
import { freePort } from "../../../test/free-port.ts"
import { call } from "./support/call.ts"
import { refuses } from "./support/refuses.ts"
import { makeTree, start, type Tree } from "./support/server.ts"

let tree: Tree
beforeEach(async () => {
  tree = await makeTree()
})
afterEach(() => tree.remove())
afterAll(stopServers)

const persistent = { appendonly: "yes", appendfsync: "always" }

describeWithServers("the example server on Redis", () => {
  it("starts, serves, and has its data when it and Redis have been started again", async () => {
    const redis = await startServer({ ...persistent, requirepass: "hunter2" })
    const env = { STRONGROOM_STORAGE: redis.url.replace("//", "//:hunter2@") }
    const first = await start(tree, env)
    const { token = "", workspace, project, environments, vault } = first
    const secrets = `/v1/workspace/${workspace}/project/${project}/secret/`
    const created = await call(first.base, secrets, token, {
      environments: environments.slice(0, 1).map(({ id }) => id),
      secrets: [{ key: "DATABASE_URL", value: "postgresql://...", type: "runtime", dataType: "text" }],
    })
    expect(created).toEqual([200, { success: true }])
    expect(await first.stop()).toBe(0)
    await redis.restart()

    const second = await start(tree, env)
    expect(second).toMatchObject({ workspace, project, environments, vault, token: undefined })
    const [status, secret] = await call(second.base, `${secrets}DATABASE_URL`, token)
    expect(status).toBe(200)
    expect(secret).toMatchObject({ values: [{ value: "postgresql://..." }] })
    expect((await fetch(`${second.base}/healthz`)).status).toBe(200)
    expect(await second.stop()).toBe(0)
    for (const { output } of [first, second]) {
      expect(output.err).toBe("")
      expect(output.out).not.toContain("hunter2")
    }
  })

  it("two servers share one Redis and one set of root keys", async () => {
    const redis = await startServer(persistent)
    const env = {
      STRONGROOM_STORAGE: redis.url,
      STRONGROOM_ROOT_KEYS: `main:${Buffer.alloc(32, 7).toString("base64")}`,
      STRONGROOM_DEMO_TOKEN: `ek_live_${"A".repeat(43)}`,
    }
    const first = await start(tree, env)
    const second = await start(tree, env)
    expect(second).toMatchObject({ vault: first.vault, environments: first.environments })
    const path = `/api/public/v1/vaults/${first.vault}/secrets`
    const body = { env_key: "KEY", value: "value", allowed_domains: ["example.com"] }
    const [status] = await call(first.base, path, env.STRONGROOM_DEMO_TOKEN, body)
    expect(status).toBeLessThan(300)
    expect(await call(second.base, path, env.STRONGROOM_DEMO_TOKEN)).toMatchObject([200, [{ env_key: "KEY" }]])
    expect(await Promise.all([first.stop(), second.stop()])).toEqual([0, 0])
  })

  it("tells in its log of a Redis that keeps nothing on disk", async () => {
    const redis = await startServer()
    const server = await start(tree, { STRONGROOM_STORAGE: redis.url })
    expect(JSON.parse(server.output.err)).toMatchObject({
      level: "warn",
      message: expect.stringMatching(/append-only/),
    })
    expect(await server.stop()).toBe(0)
  })

  it("refuses data whose key is gone", async () => {
    const redis = await startServer(persistent)
    const env = { STRONGROOM_STORAGE: redis.url }
    expect(await (await start(tree, env)).stop()).toBe(0)
    await rm(join(tree.kept, "root-keys"))
    await refuses(tree, env, /no root key/)
    await refuses(
      tree,
      { ...env, STRONGROOM_ROOT_KEYS: `main:${Buffer.alloc(32, 8).toString("base64")}` },
      /ROOT_KEY_UNKNOWN/,
    )
  })

  it("refuses a Redis that nobody serves, that refuses it, or that may evict", async () => {
    await refuses(tree, { STRONGROOM_STORAGE: `redis://u:hunter2@127.0.0.1:${await freePort()}` }, /Redis/, "hunter2")
    await refuses(tree, { STRONGROOM_STORAGE: "redis://u:hunter2@127.0.0.1:1/x" }, /URL of Redis/, "hunter2")
    const locked = await startServer({ requirepass: "other" })
    await refuses(tree, { STRONGROOM_STORAGE: locked.url.replace("//", "//:hunter2@") }, /Redis/, "hunter2")
    await refuses(tree, { STRONGROOM_STORAGE: locked.url }, /Redis/)
    const evicting = await startServer({ "maxmemory-policy": "allkeys-lru" })
    await refuses(tree, { STRONGROOM_STORAGE: evicting.url }, /noeviction/)
  })
})
