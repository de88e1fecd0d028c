import { connect } from "node:net"
import { setImmediate } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Call } from "./support/http.ts"
import { get, post, startWorld, type World } from "./support/world.ts"

/** Bad input gets a clear error in the API's own shape, changes nothing, and its values are told nowhere. */
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const canary = "CANARY-7f3a"

const apis = [
  {
    api: "Enkryptify",
    field: "message",
    path: () => "/v1/workspace/acme/project/shop/secret",
    body: (value: unknown = canary): object => ({
      environments: [world.acme.development],
      secrets: [{ key: "NEW", value, type: "runtime", dataType: "text" }],
    }),
  },
  {
    api: "Nairi",
    field: "error",
    path: () => `/api/public/v1/vaults/${world.acme.vault}/secrets`,
    body: (value: unknown = canary): object => ({ env_key: "NEW", value }),
  },
] as const

const stateOf = async () => {
  const { acme, call } = world
  const paths = apis.map(({ path }) => path())
  const states = await Promise.all([...paths, "/api/public/v1/vaults"].map((path) => call(path, get(acme.token))))
  return states.map(({ text }) => text)
}

describe.each(apis)("$api", ({ field, path, body }) => {
  const refused = async (
    call: Call,
    status: number,
    message: RegExp,
    { at = path(), challenge }: { readonly at?: string; readonly challenge?: string } = {},
  ) => {
    const { committed } = world.watch
    const before = await stateOf()
    const answer = await world.call(at, call)
    expect(answer.status).toBe(status)
    expect(answer.json).toEqual({ [field]: expect.stringMatching(message) })
    expect(answer.headers).toMatchObject({ "cache-control": "no-store" })
    expect(answer.headers).not.toHaveProperty("x-powered-by")
    expect(answer.headers["www-authenticate"]).toBe(challenge)
    expect(world.watch.committed).toBe(committed)
    expect(await stateOf()).toEqual(before)
    expect(answer.text + world.logged.join()).not.toContain(canary)
  }
  const withHeaders = (headers: Readonly<Record<string, string>>, content: unknown = body()): Call => {
    const call = post(world.acme.token, content)
    return { ...call, headers: { ...call.headers, ...headers } }
  }

  test.each([
    ["nothing", ""],
    ["cut off", `{"value":"${canary}"`],
    ["not JSON", canary],
    ["two documents", `{}{"value":"${canary}"}`],
    ["unquoted", `{value:${canary}}`],
  ])("malformed JSON: %s", (_, text) => refused(post(world.acme.token, text), 400, /^body: must be JSON in UTF-8$/))

  test("UTF-8 that is none", async () => {
    const bytes = Buffer.from(JSON.stringify(body(`${canary}é`)))
    bytes[bytes.indexOf("é") + 1] = 0x28
    await refused(post(world.acme.token, bytes), 400, /^body: must be JSON in UTF-8$/)
  })

  test.each(["null", "7", '"text"', "[]", "[[]]", "true"])("JSON that is no object: %s", (text) =>
    refused(post(world.acme.token, text), 400, /^(body: |value cannot be empty)/),
  )

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json-patch+json",
    "application/json; charset=utf-16",
    "application/json; charset=latin1",
    "json",
    "",
  ])("content type %j", (type) => refused(withHeaders({ "content-type": type }), 415, /^content-type: /))

  test("no content type", () => {
    const { authorization = "" } = post(world.acme.token, "").headers ?? {}
    return refused({ method: "POST", headers: { authorization }, body: JSON.stringify(body()) }, 415, /^content-type: /)
  })

  test.each(["gzip", "br", "x"])("content encoding %s", (coding) =>
    refused(withHeaders({ "content-encoding": coding }), 415, /^content-encoding: /),
  )

  test("a body over the limit, announced or not", async () => {
    const large = JSON.stringify({ ...body(), padding: "p".repeat(4 * 1024 * 1024) })
    await refused(post(world.acme.token, large), 413, /^body: must be at most 4194304 bytes$/)
    await refused(withHeaders({ "transfer-encoding": "chunked" }, large), 413, /^body: must be at most 4194304 bytes$/)
  })

  test("an upload without end is answered at once, and cut off", async () => {
    const { authorization = "" } = post(world.acme.token, "").headers ?? {}
    const socket = connect(world.port, "127.0.0.1")
    let heard = ""
    socket.setEncoding("utf8").on("data", (text) => {
      heard += text
    })
    socket.on("error", () => {})
    socket.write(
      `POST ${path()} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n` +
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    const chunk = `10000\r\n${"p".repeat(0x10000)}\r\n`
    let sent = 0
    let sentWhenAnswered = 0
    while (!socket.closed && sent < 64 * 1024 * 1024) {
      // Not `once`, which would reject for the reset that is waited for here.
      if (!socket.write(chunk)) await new Promise((done) => socket.once("drain", done).once("close", done))
      sent += 0x10000
      if (heard !== "" && sentWhenAnswered === 0) sentWhenAnswered = sent
      await setImmediate()
    }
    expect(heard).toMatch(/^HTTP\/1\.1 413 /)
    expect(sentWhenAnswered).toBeLessThan(64 * 1024 * 1024)
    expect(socket.closed).toBe(true)
  })

  test("a body at the limit is read", async () => {
    const short = JSON.stringify({ ...body(), padding: "" })
    const padding = "p".repeat(4 * 1024 * 1024 - Buffer.byteLength(short) - 2)
    const text = JSON.stringify({ ...body({}), padding })
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4 * 1024 * 1024)
    await refused(post(world.acme.token, text), 400, /value: must be a string$/)
  })

  test("deep nesting", async () => {
    const deep = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth)
    for (const nested of [deep(1_000_000, "[", "]"), deep(300_000, '{"value":', "}").replace(":}", ":1}")]) {
      await refused(post(world.acme.token, nested), 400, /^(body|environments|value|env_key)/)
      const placed = JSON.stringify(body("PLACE")).replace('"PLACE"', nested)
      await refused(post(world.acme.token, placed), 400, /value: must be a string$/)
    }
  })

  test("a lone surrogate", async () => {
    const text = JSON.stringify(body("PLACE")).replace("PLACE", `${canary}\\ud800`)
    await refused(post(world.acme.token, text), 400, /value: must not hold a lone surrogate$/)
  })

  test("a value over the limit", () =>
    refused(post(world.acme.token, body(canary.repeat(6_000))), 400, /value: must be .* 65536 characters$/))

  test("a path that is not percent-encoding", async () => {
    const malformed = path().replace(/(?<=\/)(acme|vlt_\w+)/, "%E0%A4%A")
    const call = post(world.acme.token, body())
    await refused(call, 400, /^path: is not valid percent-encoding$/, { at: malformed })
  })

  test.each([
    ["none", undefined],
    ["another scheme", (token: string) => `Basic ${token}`],
    ["no token", () => "Bearer"],
    ["an empty token", () => "Bearer "],
    ["no space", (token: string) => `Bearer${token}`],
    ["two tokens", (token: string) => `Bearer ${token}, ${token}`],
    ["more after it", (token: string) => `Bearer ${token}x`],
    [
      "one changed character",
      (token: string) => `Bearer ${token.slice(0, 20)}${token[20] === "A" ? "B" : "A"}${token.slice(21)}`,
    ],
    ["another prefix", (token: string) => `Bearer ${token.replace("live", "test")}`],
    ["revoked", () => `Bearer ${world.revoked}`],
    ["expired", () => `Bearer ${world.expired}`],
  ])("credentials: %s", async (_, make) => {
    const { authorization: good = "", ...headers } = post(world.acme.token, "").headers ?? {}
    const given = make && { authorization: make(good.slice("Bearer ".length)) }
    for (const method of ["POST", "GET"]) {
      const call = {
        method,
        headers: { ...headers, ...given },
        ...(method === "POST" && { body: JSON.stringify(body()) }),
      }
      await refused(call, 401, /./, { challenge: "Bearer" })
    }
  })

  test("the token is told in no answer and no log line", async () => {
    const { text } = await world.call(path(), post(world.revoked, body()))
    expect(text + world.logged.join()).not.toContain(world.revoked.slice(8))
  })
})

describe("Enkryptify alone", () => {
  const path = "/v1/workspace/acme/project/shop/secret"
  const secret = { key: "NEW", value: canary, type: "runtime", dataType: "text" }
  const refused = async (body: object, status: number, message: RegExp) => {
    const { committed } = world.watch
    const answer = await world.call(path, post(world.acme.token, body))
    expect(answer.status).toBe(status)
    expect(answer.json).toEqual({ message: expect.stringMatching(message) })
    expect(world.watch.committed).toBe(committed)
    expect(answer.text).not.toContain(canary)
  }

  test("10,000 secrets in one request name the limit", () => {
    const secrets = Array.from({ length: 10_000 }, (_, index) => ({ ...secret, key: `NEW_${index}` }))
    return refused({ environments: [world.acme.development], secrets }, 400, /1000/)
  })

  test("environments given twice in different case", () => {
    const { development } = world.acme
    return refused(
      { environments: [development, development.toUpperCase()], secrets: [secret] },
      400,
      /^environments\[1\]: /,
    )
  })

  test("a name given twice", () =>
    refused(
      { environments: [world.acme.development], secrets: [secret, { ...secret, value: "b" }] },
      400,
      /^secrets\[1\]\.key: /,
    ))

  test("a value of type json that is none", () =>
    refused(
      { environments: [world.acme.development], secrets: [{ ...secret, dataType: "json" }] },
      400,
      /^secrets\[0\]\.value: /,
    ))

  test.each([
    ["an unknown environment", () => "9a5f1c3e-1111-4111-8111-111111111111"],
    ["an environment of another workspace", () => world.other.development],
    ["the nil UUID", () => "00000000-0000-0000-0000-000000000000"],
  ])("%s among good ones", (_, environment) =>
    refused({ environments: [world.acme.development, environment()], secrets: [secret] }, 404, /environment/),
  )

  test("workspaces and projects that are unknown or another's", async () => {
    const { acme, other, call } = world
    const body = { environments: [acme.development], secrets: [secret] }
    for (const names of [
      "other/project/shop",
      "nowhere/project/shop",
      "acme/project/nowhere",
      `acme/project/${other.project.id}`,
    ]) {
      for (const request of [post(acme.token, body), get(acme.token)]) {
        const answer = await call(`/v1/workspace/${names}/secret`, request)
        expect([names, answer.status]).toEqual([names, 404])
        expect(answer.json).toEqual({ message: expect.any(String) })
      }
    }
  })

  test("malformed ids", async () => {
    for (const at of [
      "A/project/shop",
      "acme/project/a%2Fb",
      "acme/project/x",
      `${"a".repeat(49)}/project/shop`,
      "%00%00/project/shop",
    ]) {
      const answer = await world.call(`/v1/workspace/${at}/secret`, get(world.acme.token))
      expect([at, answer.status]).toEqual([at, 400])
      expect(answer.json).toEqual({ message: expect.stringMatching(/^(ws|prj): /) })
    }
    const answer = await world.call(`${path}/x`, get(world.acme.token))
    expect([answer.status, answer.json]).toEqual([400, { message: expect.stringMatching(/^name: /) }])
  })
})
