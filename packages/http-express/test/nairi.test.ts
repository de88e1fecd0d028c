import { reveal } from "@strongroom/core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Call } from "./support/http.ts"
import { get, post, startWorld, type World } from "./support/world.ts"

const vaults = "/api/public/v1/vaults"
const wholeSeconds = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/)
const secretId = expect.stringMatching(/^sec_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const create = (body: unknown, token = world.acme.token) =>
  world.call(`${vaults}/${world.acme.vault}/secrets`, post(token, body))

describe("create", () => {
  test("answers 201 with exactly the five fields, the domains in canonical form", async () => {
    const allowed_domains = ["*.Example.COM.", "api.example.com", "API.example.com"]
    const { status, json, headers } = await create({ env_key: "DATABASE_URL", value: "v", allowed_domains, extra: 1 })
    expect(status).toBe(201)
    expect(json).toEqual({
      id: secretId,
      env_key: "DATABASE_URL",
      allowed_domains: ["*.example.com", "api.example.com"],
      created_at: wholeSeconds,
      updated_at: wholeSeconds,
    })
    expect(Object.keys(Object(json))).toEqual(["id", "env_key", "allowed_domains", "created_at", "updated_at"])
    expect(headers).not.toHaveProperty("x-powered-by")
    const listed = await world.call(`${vaults}/${world.acme.vault}/secrets/`, get(world.acme.token))
    expect(listed.json).toContainEqual(json)
  })

  test("has no restriction by default", async () => {
    expect((await create({ env_key: "OPEN", value: "v" })).json).toMatchObject({ allowed_domains: [] })
  })

  test("answers a duplicate with 400 and the documented text", async () => {
    expect((await create({ env_key: "TWICE", value: "v" })).status).toBe(201)
    const { committed } = world.watch
    const again = await create({ env_key: "TWICE", value: "v" })
    expect([again.status, again.text]).toEqual([400, '{"error":"env_key already exists in this vault"}'])
    expect(world.watch.committed).toBe(committed)
  })

  test("answers 403 to a key that may read the vault but not write it", async () => {
    const answer = await create({ env_key: "READ_ONLY", value: "v" }, world.acme.reader)
    expect(answer.status).toBe(403)
    expect(answer.json).toEqual({ error: expect.any(String) })
  })

  test.each([{}, { env_key: "A" }, { env_key: "A", value: "" }, { value: "" }, { env_key: 7 }])(
    "answers %j with the documented text",
    async (body) => {
      const answer = await create(body)
      expect([answer.status, answer.text]).toEqual([400, '{"error":"value cannot be empty"}'])
    },
  )

  test.each([
    [{ env_key: "1A", value: "v" }, /^env_key: /],
    [{ env_key: "A".repeat(256), value: "v" }, /^env_key: /],
    [{ value: "v" }, /^env_key: /],
    [{ env_key: "A", value: null }, /^value: /],
    [{ env_key: "A", value: "v".repeat(65_537) }, /^value: /],
    [{ env_key: "A", value: "v", allowed_domains: null }, /^allowed_domains: /],
    [{ env_key: "A", value: "v", allowed_domains: "a.example.com" }, /^allowed_domains: /],
    [{ env_key: "A", value: "v", allowed_domains: ["a.example.com", 7] }, /^allowed_domains\[1\]: /],
    [{ env_key: "A", value: "v", allowed_domains: ["a.example.com", "*.com"] }, /^allowed_domains\[1\]: /],
    [{ env_key: "A", value: "v", allowed_domains: ["https://a.example.com"] }, /^allowed_domains\[0\]: /],
    [{ env_key: "A", value: "v", allowed_domains: Array(101).fill("a.example.com") }, /^allowed_domains: /],
  ])("names the field of %j", async (body, message) => {
    const { committed } = world.watch
    const answer = await create(body)
    expect(answer.status).toBe(400)
    expect(answer.json).toEqual({ error: expect.stringMatching(message) })
    expect(world.watch.committed).toBe(committed)
  })
})

describe("one secret", () => {
  const pathOf = (id: unknown, vault = world.acme.vault) => `${vaults}/${vault}/secrets/${id}`
  const patch = (token: string, body: unknown): Call => ({ ...post(token, body), method: "PATCH" })
  /** As clients send it: neither body nor content type. */
  const remove = (token: string): Call => ({ ...get(token), method: "DELETE" })
  const make = async (env_key: string): Promise<Record<string, unknown>> => {
    const { json } = await create({ env_key, value: "v", allowed_domains: ["api.example.com"] })
    return Object.assign({}, json)
  }
  const release = async (envKey: string, target: string) => {
    const { owner, vault } = world.acme
    return reveal((await world.strongroom.vaults.secrets.release(owner, vault, envKey, target)).value)
  }

  test("is updated in its value, its domains or both, and answers with exactly the five fields", async () => {
    const made = await make("UPDATED")
    const { token } = world.acme
    const first = await world.call(pathOf(made["id"]), patch(token, { value: "second" }))
    expect([first.status, first.json]).toEqual([200, { ...made, updated_at: wholeSeconds }])
    expect(first.text).not.toContain("second")
    expect(await release("UPDATED", "api.example.com")).toBe("second")
    const second = await world.call(`${pathOf(made["id"])}/`, patch(token, { allowed_domains: ["*.Example.ORG."] }))
    expect(second.json).toEqual({ ...made, allowed_domains: ["*.example.org"], updated_at: wholeSeconds })
    expect(await release("UPDATED", "a.example.org")).toBe("second")
    const third = await world.call(pathOf(made["id"]), patch(token, { value: "third", allowed_domains: [] }))
    expect(third.json).toMatchObject({ env_key: "UPDATED", allowed_domains: [] })
    expect(await release("UPDATED", "anywhere.example")).toBe("third")
  })

  test.each([
    {},
    { value: "v" },
    { allowed_domains: ["API.example.com."] },
    { value: "v", allowed_domains: ["api.example.com"] },
    { env_key: "OTHER", extra: true },
  ])("is left alone by %j: no new updated_at, no commit", async (body) => {
    const made = await make(`KEPT_${crypto.randomUUID().replaceAll("-", "")}`)
    const { committed } = world.watch
    const answer = await world.call(pathOf(made["id"]), patch(world.acme.token, body))
    expect([answer.status, answer.json]).toEqual([200, made])
    expect(world.watch.committed).toBe(committed)
  })

  test.each([
    [{ value: "" }, /^value cannot be empty$/],
    [{ value: null }, /^value: /],
    [{ value: "v".repeat(65_537) }, /^value: /],
    [{ allowed_domains: null }, /^allowed_domains: /],
    [{ allowed_domains: ["a.example.com", 7] }, /^allowed_domains\[1\]: /],
    [{ value: "w", allowed_domains: ["a.example.com", "*.com"] }, /^allowed_domains\[1\]: /],
    [[], /^body: /],
    ["no json", /^body: /],
  ])("refuses %j by its field and changes nothing", async (body, message) => {
    const made = await make(`REFUSED_${crypto.randomUUID().replaceAll("-", "")}`)
    const { committed } = world.watch
    const answer = await world.call(pathOf(made["id"]), patch(world.acme.token, body))
    expect([answer.status, answer.json]).toEqual([400, { error: expect.stringMatching(message) }])
    expect(world.watch.committed).toBe(committed)
  })

  test("is removed with 204 and no body, and its env_key is free again", async () => {
    const made = await make("REMOVED")
    const answer = await world.call(pathOf(made["id"]), remove(world.acme.token))
    expect([answer.status, answer.text]).toEqual([204, ""])
    expect(answer.headers).toMatchObject({ "cache-control": "no-store" })
    for (const header of ["content-type", "content-length", "x-powered-by"]) {
      expect(answer.headers).not.toHaveProperty(header)
    }
    const again = await world.call(pathOf(made["id"]), remove(world.acme.token))
    expect([again.status, again.text]).toEqual([404, '{"error":"secret not found"}'])
    expect((await create({ env_key: "REMOVED", value: "v" })).status).toBe(201)
  })

  test("is found in its own vault alone, and in none by strangers", async () => {
    const made = await make("HERE")
    const { acme, other } = world
    const unknown = "sec_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    const { committed } = world.watch
    for (const [path, error] of [
      [pathOf(made["id"], acme.secondVault), "secret not found"],
      [pathOf(unknown), "secret not found"],
      [pathOf(made["id"], other.vault), "vault not found"],
      [pathOf(made["id"], "vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV"), "vault not found"],
    ] as const) {
      for (const call of [patch(acme.token, { value: "w" }), remove(acme.token)]) {
        const answer = await world.call(path, call)
        expect([answer.status, answer.text]).toEqual([404, JSON.stringify({ error })])
      }
    }
    const foreign = await world.call(pathOf(made["id"]), remove(other.token))
    expect([foreign.status, foreign.text]).toEqual([404, '{"error":"vault not found"}'])
    expect(world.watch.committed).toBe(committed)
  })

  test("is checked in order: credentials, ids, body, existence, permission", async () => {
    const made = await make("ORDERED")
    const { reader, token } = world.acme
    const status = async (path: string, call: Call) => (await world.call(path, call)).status
    const bad = { value: "" }
    expect(await status(`${pathOf("sec_%")}`, patch("x", bad))).toBe(400)
    expect(await status(pathOf("sec_x"), patch("x", bad))).toBe(401)
    expect(await status(pathOf("sec_x"), { ...patch(token, bad), headers: get(token).headers ?? {} })).toBe(400)
    expect(await status(pathOf(made["id"]), { ...patch(token, bad), headers: get(token).headers ?? {} })).toBe(415)
    expect(await status(pathOf(made["id"], world.other.vault), patch(reader, bad))).toBe(400)
    expect(await status(pathOf(made["id"], world.other.vault), patch(reader, { value: "w" }))).toBe(404)
    expect(await status(pathOf(made["id"]), patch(reader, { value: "w" }))).toBe(403)
    expect(await status(pathOf(made["id"]), remove(reader))).toBe(403)
    expect((await world.call(pathOf("sec_x"), remove(token))).json).toEqual({
      error: expect.stringMatching(/^secret_id: /),
    })
  })
})

describe("vaults", () => {
  test("are listed with the number of their secrets", async () => {
    const other = await startWorld()
    try {
      const { vault, secondVault, token } = other.acme
      await other.call(`${vaults}/${vault}/secrets`, post(token, { env_key: "ONE", value: "v" }))
      const { json } = await other.call(vaults, get(token))
      const times = { created_at: wholeSeconds, updated_at: wholeSeconds }
      expect(json).toHaveLength(2)
      expect(json).toEqual(
        expect.arrayContaining([
          { id: vault, name: "demo", description: "", secret_count: 1, ...times },
          { id: secondVault, name: "second", description: "two", secret_count: 0, ...times },
        ]),
      )
    } finally {
      await other.stop()
    }
  })

  test("of another organization answer 404, as unknown ones do", async () => {
    const unknown = "vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for (const id of [world.other.vault, unknown]) {
      const path = `${vaults}/${id}/secrets`
      for (const call of [get(world.acme.token), post(world.acme.token, { env_key: "A", value: "v" })]) {
        const answer = await world.call(path, call)
        expect([answer.status, answer.text]).toEqual([404, '{"error":"vault not found"}'])
      }
    }
  })

  test("outside a token's scope answer 404 and are not listed", async () => {
    const { vault, secondVault, issue } = world.acme
    const { token } = await issue([{ scope: { type: "vault", vault: secondVault }, permission: "read-write" }])
    expect((await create({ env_key: "A", value: "v" }, token)).status).toBe(404)
    const { json } = await world.call(vaults, get(token))
    expect(json).toMatchObject([{ id: secondVault }])
    expect(JSON.stringify(json)).not.toContain(vault)
  })

  test("with a malformed id answer 400", async () => {
    for (const id of [
      "vlt_x",
      "vlt_01ARZ3NDEKTSV4RRFFQ69G5FAU".toLowerCase(),
      "vlt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
      "vlt_01ARZ3NDEKTSV4RRFFQ69G5FAI",
    ]) {
      const answer = await world.call(`${vaults}/${id}/secrets`, get(world.acme.token))
      expect(answer.status).toBe(400)
      expect(answer.json).toEqual({ error: expect.stringMatching(/^vault_id: /) })
    }
  })
})
