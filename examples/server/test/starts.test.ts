import { existsSync } from "node:fs"
import { stat } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { requireCurl } from "./support/curl.ts"
import { contentsOf, makeTree, newToken, output, run, start, type Tree } from "./support/server.ts"

let tree: Tree
beforeEach(async () => {
  tree = await makeTree()
})
afterEach(() => tree.remove())

const vaults = "/api/public/v1/vaults"
const statusOf = async (base: string, path: string, token: string) => {
  const { status } = await fetch(base + path, { headers: { authorization: `Bearer ${token}` } })
  return status
}

describe("the first start", () => {
  test("makes root key, workspace, project, environments, vault and token, and prints what to try", async () => {
    const server = await start(tree)
    try {
      expect([server.workspace, server.project]).toEqual(["ws_example", "prj_example"])
      expect(server.environments.map(({ name }) => name)).toEqual(["development", "staging", "production"])
      expect(server.vault).toMatch(/^vlt_[0-9A-Z]{26}$/)
      expect(server.token).toMatch(/^ek_live_[\w-]{43}$/)
      expect(server.output.out).toMatch(/trying out/)
      expect((await stat(tree.kept)).mode & 0o777).toBe(0o700)
      expect((await stat(join(tree.kept, "root-keys"))).mode & 0o777).toBe(0o600)
      expect((await stat(join(tree.kept, "data"))).isDirectory()).toBe(true)

      const health = await fetch(`${server.base}/healthz`)
      expect([health.status, health.headers.has("x-powered-by")]).toEqual([200, false])
      expect(server.output.err).toBe("")
    } finally {
      expect(await server.stop()).toBe(0)
    }
  })

  test("prints two curl commands that work as they stand", async (context) => {
    requireCurl(context)
    const server = await start(tree)
    try {
      expect(server.curls).toHaveLength(2)
      const [secret = "", vaultSecret = ""] = server.curls
      expect(await output("sh", ["-c", secret])).toBe('{"success":true}')
      expect(JSON.parse(await output("sh", ["-c", vaultSecret]))).toMatchObject({ env_key: "DATABASE_URL" })
    } finally {
      await server.stop()
    }
  })

  test("keeps nothing on disk with memory:", async () => {
    const server = await start(tree, { STRONGROOM_STORAGE: "memory:" })
    expect(await server.stop()).toBe(0)
    expect(await contentsOf(tree.kept)).toEqual([])
  })

  test("takes storage relative to the repository's root, and root keys from the environment", async () => {
    const key = Buffer.alloc(32, 7).toString("base64")
    const server = await start(tree, { STRONGROOM_STORAGE: "lmdb:some/data", STRONGROOM_ROOT_KEYS: `main:${key}` })
    expect(await server.stop()).toBe(0)
    expect((await stat(join(tree.root, "some/data"))).isDirectory()).toBe(true)
    expect(server.output.out).not.toMatch(/trying out/)
    expect(await contentsOf(tree.kept)).toEqual([])
  })
})

describe("a later start", () => {
  test("finds everything, tells no token, and its commands take the token from a variable", async (context) => {
    requireCurl(context)
    const first = await start(tree)
    const { token = "" } = first
    await output("sh", ["-c", first.curls[0] ?? ""])
    await first.stop()

    const second = await start(tree)
    try {
      const { environments, vault, workspace, project } = first
      expect(second).toMatchObject({ environments, vault, workspace, project, token: undefined })
      expect(second.output.out).not.toContain("ek_live_")
      const path = `/v1/workspace/${workspace}/project/${project}/secret/DATABASE_URL`
      const read = await fetch(second.base + path, { headers: { authorization: `Bearer ${token}` } })
      expect(await read.json()).toMatchObject({
        values: [{ environmentId: environments[0]?.id, value: "postgresql://..." }],
      })
      const added = await output("sh", ["-c", second.curls[1] ?? ""], { STRONGROOM_DEMO_TOKEN: token })
      expect(JSON.parse(added)).toMatchObject({ env_key: "DATABASE_URL" })
    } finally {
      await second.stop()
    }
  })

  test("adds a token that is given, keeps the one before, and does not print it", async () => {
    const first = await start(tree)
    const { token = "" } = first
    await first.stop()

    const given = newToken()
    for (let round = 0; round < 2; round++) {
      const server = await start(tree, { STRONGROOM_DEMO_TOKEN: given })
      expect(await statusOf(server.base, vaults, given)).toBe(200)
      expect(await statusOf(server.base, vaults, token)).toBe(200)
      expect(await statusOf(server.base, vaults, newToken())).toBe(401)
      expect(server.output.out + server.output.err).not.toContain(given)
      await server.stop()
    }
    const server = await start(tree)
    expect(await statusOf(server.base, vaults, given)).toBe(200)
    await server.stop()
  })

  test("with a token given from the first on makes no other", async () => {
    const given = newToken()
    const first = await start(tree, { STRONGROOM_DEMO_TOKEN: given })
    expect(first.token).toBeUndefined()
    await first.stop()
    const second = await start(tree)
    expect(second.token).toBeUndefined()
    expect(await statusOf(second.base, vaults, given)).toBe(200)
    await second.stop()
  })

  test("opens with a new root key first and the old one after it", async () => {
    const key = (fill: number) => `key-${fill}:${Buffer.alloc(32, fill).toString("base64")}`
    const first = await start(tree, { STRONGROOM_ROOT_KEYS: key(1) })
    await first.stop()
    const second = await start(tree, { STRONGROOM_ROOT_KEYS: `${key(2)},${key(1)}` })
    expect(second.vault).toBe(first.vault)
    await second.stop()
  })
})

describe("a first start that is killed", () => {
  const { STRONGROOM_SLOW } = process.env
  // Every single commit is covered by demo-data.test.ts; this is about real processes.
  const rounds = STRONGROOM_SLOW === "1" ? 60 : 6

  /** Killed `delay` milliseconds after it first touched the disk. Gives what it printed. */
  const killFirstStart = async (killed: Tree, delay: number) => {
    const { child, output, ended } = run(killed)
    while (!existsSync(killed.kept)) await setTimeout(1)
    await setTimeout(delay)
    child.kill("SIGKILL")
    expect(await ended).toBe("SIGKILL")
    return output.out
  }

  test("is completed by the next", { timeout: rounds * 20_000 }, async (context) => {
    requireCurl(context)
    let unfinished = 0
    for (let round = 0; round < rounds; round++) {
      const killed = await makeTree()
      try {
        const printed = await killFirstStart(killed, (round * 100) / rounds)
        if (!printed.includes("ready at")) unfinished += 1
        const server = await start(killed)
        const token = server.token ?? /shown this once: (\S+)/.exec(printed)?.[1] ?? "none"
        const read = async (path: string) => {
          const response = await fetch(server.base + path, { headers: { authorization: `Bearer ${token}` } })
          return [response.status, await response.json()]
        }
        const { workspace, project, environments, vault } = server
        expect(environments.map(({ name }) => name)).toEqual(["development", "staging", "production"])
        expect(await read(`/v1/workspace/${workspace}/project/${project}/environment`)).toEqual([
          200,
          expect.arrayContaining(environments),
        ])
        expect(await read(vaults)).toEqual([200, [expect.objectContaining({ id: vault, name: "demo" })]])
        expect(await output("sh", ["-c", server.curls[0] ?? ""], { STRONGROOM_DEMO_TOKEN: token })).toBe(
          '{"success":true}',
        )
        expect(await server.stop()).toBe(0)
      } finally {
        await killed.remove()
      }
    }
    expect(unfinished).toBeGreaterThan(0)
  })
})
