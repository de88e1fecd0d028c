import type { Grant } from "@strongroom/core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ForwardWorld, startForwardWorld } from "./support/world.ts"

let world: ForwardWorld
beforeAll(async () => {
  world = await startForwardWorld({ maxRequestBytes: 2000 })
})
afterAll(() => world.stop())

test.each<[string, unknown]>([
  ["no object", []],
  ["null", null],
  ["no URL", {}],
  ["a URL that is no text", { url: 7 }],
  ["a URL that is none", { url: "nonsense" }],
  ["a relative URL", { url: "/path" }],
  ["another scheme", { url: "file:///etc/passwd" }],
  ["user information", { url: "https://a:b@api.example.com/" }],
  ["a URL with a line break", { url: "https://api.example.com/\n" }],
  ["a method that tunnels", { url: "https://api.example.com/", method: "CONNECT" }],
  ["a method that is none", { url: "https://api.example.com/", method: "get" }],
  ["headers that are no object", { url: "https://api.example.com/", headers: "a: b" }],
  ["a header that is no text", { url: "https://api.example.com/", headers: { a: 1 } }],
  ["a header's name that is none", { url: "https://api.example.com/", headers: { "a b": "1" } }],
  ["a header with a line break", { url: "https://api.example.com/", headers: { a: "1\r\nb: 2" } }],
  ["headers in a list", { url: "https://api.example.com/", headers: ["a"] }],
  ["no headers", { url: "https://api.example.com/", headers: null }],
  ["a lone surrogate in the URL", { url: "https://api.example.com/\ud800" }],
  ["a lone surrogate in a header", { url: "https://api.example.com/", headers: { a: "\udc00" } }],
  ["a lone surrogate in the body", { url: "https://api.example.com/", method: "POST", body: "\ud800" }],
  ["white space before the URL", { url: " https://api.example.com/" }],
  ["white space in the URL", { url: "https://api.example.com/a b" }],
  ["empty user information", { url: "https://@api.example.com/" }],
  ["the header __proto__ with no text", '{"url":"https://api.example.com/","headers":{"__proto__":{}}}'],
  ["the header __proto__ with a line break", '{"url":"https://api.example.com/","headers":{"__proto__":"1\\nb: 2"}}'],
  ["a body with GET", { url: "https://api.example.com/", body: "x" }],
  ["two bodies", { url: "https://api.example.com/", method: "POST", body: "x", body_base64: "eA==" }],
  ["a body that is no base64", { url: "https://api.example.com/", method: "POST", body_base64: "e A=" }],
])("%s is refused", async (_, body) => {
  const answer = await world.post(world.forwardPath(), body)
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({
    error: expect.any(String),
    code: expect.stringMatching(/^(INVALID_INPUT|TARGET_REFUSED)$/),
  })
  expect(world.upstream.arrivals).toEqual([])
})

test.each([
  ...["host", "connection", "keep-alive", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"],
  ...["accept-encoding", "forwarded", "via", "proxy-authorization", "proxy-x", "sec-fetch-site", "Sec-WebSocket-Key"],
])("the header %s is refused", async (name) => {
  const headers = { [name]: "1", "x-key": await world.placeholder() }
  const answer = await world.post(world.forwardPath(), { url: world.url("/"), headers })
  expect([answer.status, answer.json]).toMatchObject([400, { code: "INVALID_INPUT" }])
  expect(world.upstream.arrivals).toEqual([])
})

describe("order of checks", () => {
  const bad = (token: string | undefined, type: string, body: string, path = world.forwardPath()) =>
    world.call(path, {
      method: "POST",
      headers: { "content-type": type, ...(token && { authorization: `Bearer ${token}` }) },
      body,
    })

  test("credentials, the vault's id, media type, size, JSON, fields, the vault, the secret", async () => {
    const { agent } = world.acme
    const path = "/egress/vaults/nonsense/forward"
    const large = "x".repeat(3000)
    expect((await bad(undefined, "text/plain", large, path)).status).toBe(401)
    expect((await bad("ek_live_x", "text/plain", large, path)).status).toBe(401)
    expect((await bad(agent, "text/plain", large, path)).status).toBe(400)
    expect((await bad(agent, "text/plain", large)).status).toBe(415)
    expect((await bad(agent, "application/json", large)).status).toBe(413)
    expect((await bad(agent, "application/json", "{")).status).toBe(400)
    expect(
      (await bad(agent, "application/json", "{}", world.forwardPath("vlt_00000000000000000000000000"))).status,
    ).toBe(400)
  })

  test("a revoked token is told before anything that is wrong with the request", async () => {
    const { owner, vault, issue } = world.acme
    const { id, token } = await issue([{ scope: { type: "vault", vault }, permission: "use" }])
    expect((await bad(token, "text/plain", "")).status).toBe(415)
    await world.strongroom.tokens.revoke(owner, id)
    expect((await bad(token, "text/plain", "")).status).toBe(401)
  })

  test("cookies are no credentials, and a form is no request", async () => {
    const headers = { cookie: `token=${world.acme.agent}`, "content-type": "application/json" }
    expect((await world.call(world.forwardPath(), { method: "POST", headers, body: "{}" })).status).toBe(401)
    expect((await bad(world.acme.agent, "application/x-www-form-urlencoded", "url=x")).status).toBe(415)
  })
})

describe("authenticate", () => {
  test("gives a principal that the application vouches for", async () => {
    let grants: readonly Grant[] = []
    const own = await startForwardWorld({
      authenticate: async () => ({ workspace: own.acme.owner.workspace, id: "agent-7", grants }),
    })
    expect((await own.post(own.forwardPath(), { url: own.url("/") })).status).toBe(400)
    grants = [{ scope: { type: "vault", vault: own.acme.vault }, permission: "use" }]
    expect((await own.forward({ url: own.url("/") })).text).toBe("ok")
    await own.stop()
  })

  test("may be the application's own; what it throws goes to the application", async () => {
    const own = await startForwardWorld({
      authenticate: async (req) => {
        if (req.headers["x-fail"]) throw new Error("session store is down")
        return undefined
      },
      mount: (app, router) => {
        app.use("/egress", router)
        app.use(
          (error: unknown, _: unknown, res: { status(n: number): { end(text: string): void } }, next: unknown) => {
            if (typeof next === "function") res.status(503).end(String(error))
          },
        )
      },
    })
    const refused = await own.post(own.forwardPath(), {})
    expect([refused.status, refused.json]).toMatchObject([401, { code: "UNAUTHENTICATED" }])
    const failed = await own.post(own.forwardPath(), {}, own.acme.agent, { "x-fail": "1" })
    expect([failed.status, failed.text]).toEqual([503, "Error: session store is down"])
    await own.stop()
  })
})
