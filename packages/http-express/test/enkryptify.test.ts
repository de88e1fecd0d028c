import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { get, post, startWorld, type World } from "./support/world.ts"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const path = "/v1/workspace/acme/project/shop"
const text = (key: string, value: string) => ({ key, value, type: "runtime", dataType: "text" })

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const create = async (environments: readonly string[], ...secrets: readonly unknown[]) => {
  const answer = await world.call(`${path}/secret/`, post(world.acme.token, { environments, secrets }))
  expect([answer.status, answer.text]).toEqual([200, '{"success":true}'])
}

describe("create", () => {
  test("answers exactly success and is read back, field by field", async () => {
    const { development, staging, token } = world.acme
    const value = 'pass "word"\u0000\u{1F511} é'
    await create([development, staging.toUpperCase()], {
      ...text("DATABASE_URL", value),
      type: "build",
      note: "main",
      extra: { ignored: true },
    })
    const { status, json, headers } = await world.call(`${path}/secret/DATABASE_URL`, get(token))
    expect(status).toBe(200)
    expect(json).toEqual({
      id: expect.stringMatching(uuid),
      name: "DATABASE_URL",
      note: "main",
      type: "build",
      dataType: "text",
      values: expect.arrayContaining([
        { environmentId: development, value, isPersonal: false },
        { environmentId: staging, value, isPersonal: false },
      ]),
      createdAt: expect.stringMatching(time),
      updatedAt: expect.stringMatching(time),
    })
    expect(Object.keys(Object(json))).toEqual([
      ...["id", "name", "note", "type", "dataType", "values", "createdAt", "updatedAt"],
    ])
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "content-type": "application/json; charset=utf-8",
    })
    expect(headers).not.toHaveProperty("etag")
    expect(headers).not.toHaveProperty("x-powered-by")
  })

  test("takes slugs or ids, with and without a trailing slash", async () => {
    const { workspace, project, development, token } = world.acme
    const byId = `/v1/workspace/${workspace.id}/project/${project.id.toUpperCase()}/secret`
    for (const [index, at] of [byId, `${byId}/`, `${path}/secret`, `/${path}/secret/`].entries()) {
      const secrets = [text(`SLASH_${index}`, "")]
      expect((await world.call(at, post(token, { environments: [development], secrets }))).text).toBe(
        '{"success":true}',
      )
    }
  })

  test("keeps __proto__ as a key and ignores it as a property", async () => {
    const { development, token } = world.acme
    const body = `{"__proto__":{"environments":[]},"environments":["${development}"],"secrets":[{"__proto__":{"note":"x"},"key":"__proto__","value":"a","type":"runtime","dataType":"text"}]}`
    expect((await world.call(`${path}/secret`, post(token, body))).status).toBe(200)
    const { json } = await world.call(`${path}/secret/__proto__`, get(token))
    expect(json).toMatchObject({ name: "__proto__", note: "", values: [{ value: "a" }] })
  })

  test("takes the last of two equal keys of an object, as JSON.parse does", async () => {
    const { development, token } = world.acme
    const body = `{"environments":[],"environments":["${development}"],"secrets":[{"key":"FIRST","key":"LAST","value":"a","type":"runtime","dataType":"text"}]}`
    expect((await world.call(`${path}/secret`, post(token, body))).status).toBe(200)
    expect((await world.call(`${path}/secret/FIRST`, get(token))).status).toBe(404)
    expect((await world.call(`${path}/secret/LAST`, get(token))).status).toBe(200)
  })

  test("takes the largest legal value with every character escaped", async () => {
    const { development, token } = world.acme
    const body = `{"environments":["${development}"],"secrets":[{"key":"LARGE","value":"${"\\ud83d\\udd11".repeat(65_536)}","type":"runtime","dataType":"text"}]}`
    expect((await world.call(`${path}/secret`, post(token, body))).text).toBe('{"success":true}')
    const { json } = await world.call(`${path}/secret/LARGE`, get(token))
    expect(json).toMatchObject({ values: [{ value: "\u{1F511}".repeat(65_536) }] })
  })

  test("tells a conflict by the key and changes nothing", async () => {
    const { development, staging, token } = world.acme
    await create([development], text("TAKEN", "first"))
    const { committed } = world.watch
    const secrets = [text("FREE", "second"), text("TAKEN", "second")]
    const answer = await world.call(`${path}/secret`, post(token, { environments: [staging, development], secrets }))
    expect(answer.status).toBe(409)
    expect(answer.json).toEqual({ message: expect.stringContaining("TAKEN") })
    expect(world.watch.committed).toBe(committed)
    expect((await world.call(`${path}/secret/FREE`, get(token))).status).toBe(404)
  })
})

describe("read", () => {
  const names = (json: unknown) => (Array.isArray(json) ? json.map(({ name }) => name) : json)

  test("lists by name, and with an environment only what has a value there", async () => {
    const other = await startWorld()
    try {
      const { development, staging, token } = other.acme
      const secrets = [text("ZED", "z"), text("ALPHA", "a")]
      await other.call(`${path}/secret`, post(token, { environments: [development], secrets }))
      await other.call(`${path}/secret`, post(token, { environments: [staging], secrets: [text("MID", "m")] }))
      const all = await other.call(`${path}/secret?resolve=true`, get(token))
      expect(names(all.json)).toEqual(["ALPHA", "MID", "ZED"])
      for (const query of [
        `environmentId=${staging}`,
        `environment_id=${staging.toUpperCase()}&resolve=true`,
        `environmentId=${staging}&environment_id=${staging.toUpperCase()}`,
      ]) {
        const { json } = await other.call(`${path}/secret/?${query}`, get(token))
        expect(json).toMatchObject([{ name: "MID", values: [{ environmentId: staging, value: "m" }] }])
      }
      const { json } = await other.call(`${path}/secret?environmentId=${other.acme.production}`, get(token))
      expect(json).toEqual([])
      expect((await other.call(`${path}/secret/MID?environmentId=${staging}`, get(token))).json).toMatchObject({
        values: [{ value: "m" }],
      })
      expect((await other.call(`${path}/secret/MID?environment_id=${development}`, get(token))).status).toBe(404)
    } finally {
      await other.stop()
    }
  })

  test("gives only the values of environments that the caller may read", async () => {
    const { development, staging, project, issue } = world.acme
    await create([development, staging], text("SHARED", "s"))
    await create([staging], text("HIDDEN", "h"))
    const scope = { type: "environment", project: project.id, environment: development } as const
    const { token } = await issue([{ scope, permission: "read" }])
    const { json } = await world.call(`${path}/secret/SHARED`, get(token))
    expect(json).toMatchObject({ values: [{ environmentId: development, value: "s" }] })
    expect(Object(json).values).toHaveLength(1)
    expect((await world.call(`${path}/secret/HIDDEN`, get(token))).status).toBe(404)
    expect((await world.call(`${path}/secret/SHARED?environmentId=${staging}`, get(token))).status).toBe(404)
    const listed = await world.call(`${path}/secret`, get(token))
    expect(names(listed.json)).not.toContain("HIDDEN")
    expect((await world.call(`${path}/environment`, get(token))).json).toEqual([
      { id: development, name: "development" },
    ])
  })

  test("lists environments by name", async () => {
    const { development, staging, production, token } = world.acme
    expect((await world.call(`${path}/environment/`, get(token))).json).toEqual([
      { id: development, name: "development" },
      { id: production, name: "production" },
      { id: staging, name: "staging" },
    ])
  })

  test.each([
    ["malformed", (id: string) => `environmentId=${id}x`],
    ["empty", () => "environmentId="],
    ["repeated", (id: string) => `environmentId=${id}&environmentId=${id}`],
    ["repeated in the other spelling", (id: string) => `environment_id=${id}&environment_id=${id}`],
    ["malformed percent-encoding", () => "environmentId=%zz"],
  ])("refuses an environmentId that is %s", async (_, query) => {
    for (const at of [`${path}/secret`, `${path}/secret/ABC`]) {
      const answer = await world.call(`${at}?${query(world.acme.development)}`, get(world.acme.token))
      expect(answer.status).toBe(400)
      expect(answer.json).toEqual({ message: expect.stringMatching(/^environmentId: /) })
    }
  })

  test("refuses two that disagree", async () => {
    const { development, staging, token } = world.acme
    const query = `environmentId=${development}&environment_id=${staging}`
    expect((await world.call(`${path}/secret?${query}`, get(token))).status).toBe(400)
  })

  test("takes a content type without a body, and HEAD", async () => {
    const call = get(world.acme.token)
    const headers = { ...call.headers, "content-type": "application/json" }
    expect((await world.call(`${path}/environment`, { headers })).status).toBe(200)
    const head = await world.call(`${path}/secret`, { ...call, method: "HEAD" })
    expect([head.status, head.text]).toEqual([200, ""])
    expect(head.headers["cache-control"]).toBe("no-store")
  })

  test("is never answered with 304", async () => {
    const { token } = world.acme
    const headers = { ...get(token).headers, "if-none-match": "*", "if-modified-since": new Date().toUTCString() }
    expect((await world.call(`${path}/secret`, { headers })).status).toBe(200)
  })
})
