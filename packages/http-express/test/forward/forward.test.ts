import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { canary, type ForwardWorld, startForwardWorld } from "./support/world.ts"

let world: ForwardWorld
beforeAll(async () => {
  world = await startForwardWorld({ substitute: { query: true, body: true } })
})
afterAll(() => world.stop())

describe("what arrives upstream", () => {
  test("is the request with the value in the placeholder's place", async () => {
    world.upstream.answer((_, res) =>
      res.writeHead(201, { "x-request-id": "7", "content-type": "text/plain" }).end("made"),
    )
    const answer = await world.forward({
      url: world.url("/v1/things?a=1"),
      method: "PUT",
      headers: { "X-Trace": "t", "content-type": "text/csv" },
      body: "ä,b",
    })
    expect(answer).toMatchObject({ status: 201, text: "made" })
    expect(answer.headers).toMatchObject({ "x-request-id": "7", "content-type": "text/plain" })
    const { arrivals } = world.upstream
    expect(arrivals).toHaveLength(1)
    expect(arrivals[0]).toMatchObject({ method: "PUT", url: "/v1/things?a=1", body: Buffer.from("ä,b") })
    expect(arrivals[0]?.headers).toMatchObject({
      authorization: `Bearer ${canary}`,
      "x-trace": "t",
      "content-type": "text/csv",
      host: `api.example.com:${world.upstream.port}`,
    })
  })

  test("has nothing of the agent's own connection", async () => {
    world.upstream.answer((_, res) => res.end())
    const own = {
      cookie: "session=agent",
      forwarded: "for=192.0.2.60",
      origin: "https://agent.example",
      referer: "https://agent.example/x",
      "user-agent": "agent/1",
      "x-forwarded-for": "192.0.2.60",
      "x-own": "agent",
    }
    const body = { url: world.url("/"), headers: { "x-api-key": await world.placeholder() } }
    expect((await world.post(world.forwardPath(), body, world.acme.agent, own)).status).toBe(200)
    const [arrival] = world.upstream.arrivals
    expect(arrival?.headers["x-api-key"]).toBe(canary)
    expect(arrival?.headers).not.toHaveProperty("authorization")
    for (const [name, value] of Object.entries(own)) expect(arrival?.headers[name], name).not.toBe(value)
    expect(JSON.stringify(arrival)).not.toContain(world.acme.agent)
  })

  test("may hold bytes, and the value in query and body where the application opted in", async () => {
    world.upstream.answer((_, res) => res.end())
    const placeholder = await world.placeholder()
    const url = world.url(`/?key=${placeholder}`)
    expect((await world.post(world.forwardPath(), { url })).status).toBe(200)
    const headers = { "content-type": "application/json" }
    const json = { url: world.url("/"), method: "POST", headers, body: JSON.stringify({ key: placeholder }) }
    expect((await world.post(world.forwardPath(), json)).status).toBe(200)
    const bytes = { url: world.url("/"), method: "POST", body_base64: "/wD+gA==" }
    expect((await world.forward(bytes)).status).toBe(200)
    const [query, body, binary] = world.upstream.arrivals
    expect(query?.url).toBe(`/?key=${canary}`)
    expect(JSON.parse(String(body?.body))).toEqual({ key: canary })
    expect(binary?.body).toEqual(Buffer.from([0xff, 0, 0xfe, 0x80]))
  })
})

describe("what the agent gets", () => {
  test("is marked as the upstream's or as ours, whatever the upstream says", async () => {
    world.upstream.answer((_, res) => {
      res.writeHead(404, { "Strongroom-Forward": "error", "content-type": "application/json" })
      res.end('{"error":"vault not found","code":"VAULT_NOT_FOUND"}')
    })
    const theirs = await world.forward({ url: world.url("/") })
    expect([theirs.status, theirs.headers["strongroom-forward"]]).toEqual([404, "upstream"])
    const ours = await world.post(world.forwardPath(), { url: "nonsense" })
    expect([ours.status, ours.headers["strongroom-forward"]]).toEqual([400, "error"])
    const made = await world.post(`/egress/vaults/${world.acme.vault}/placeholders`, { env_key: "API_KEY" })
    expect([made.status, made.headers["strongroom-forward"]]).toEqual([201, undefined])
  })

  test("has neither connection headers, nor cookies, nor what speaks for our host", async () => {
    world.upstream.answer((_, res) => {
      res.writeHead(200, {
        connection: "close, x-hop",
        "keep-alive": "timeout=9",
        "x-hop": "1",
        "proxy-authenticate": "Basic",
        upgrade: "h2c",
        "set-cookie": ["sid=1", "b=2; Domain=example.com"],
        "strict-transport-security": "max-age=1",
        "access-control-allow-origin": "*",
        "alt-svc": 'h3=":443"',
        "clear-site-data": '"*"',
        "content-security-policy": "default-src *",
        "cache-control": "public, max-age=99",
        "content-type": "text/html",
        link: "<a>; rel=next",
        "www-authenticate": "Bearer",
        etag: '"x"',
      })
      res.end("<script>1</script>")
    })
    const { headers } = await world.forward({ url: world.url("/") })
    expect(headers).toMatchObject({
      "content-type": "text/html",
      link: "<a>; rel=next",
      "www-authenticate": "Bearer",
      etag: '"x"',
      "cache-control": "no-store",
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
    })
    for (const name of [
      "x-hop",
      "proxy-authenticate",
      "upgrade",
      "set-cookie",
      "strict-transport-security",
      "access-control-allow-origin",
      "alt-svc",
      "clear-site-data",
      "x-powered-by",
    ]) {
      expect(headers, name).not.toHaveProperty(name)
    }
    expect(headers["keep-alive"]).not.toBe("timeout=9")
  })

  test("has a reflected value masked, in headers and body", async () => {
    world.upstream.answer(({ headers }, res) => {
      res.writeHead(200, { "x-echo": headers.authorization, "content-type": "application/json" })
      res.end(JSON.stringify(headers))
    })
    const answer = await world.forward({ url: world.url("/") })
    const placeholder = await world.placeholder()
    expect(answer.headers["x-echo"]).toBe(`Bearer ${placeholder}`)
    expect(answer.json).toMatchObject({ authorization: `Bearer ${placeholder}` })
  })

  test.each([204, 304, 418, 500, 599])("has the upstream's status %i", async (status) => {
    world.upstream.answer((_, res) => res.writeHead(status).end())
    const answer = await world.forward({ url: world.url("/") })
    expect([answer.status, answer.text, answer.headers["strongroom-forward"]]).toEqual([status, "", "upstream"])
  })

  test("has no body for HEAD", async () => {
    world.upstream.answer((_, res) =>
      res.writeHead(200, { "content-length": 99_999_999, "content-encoding": "gzip" }).end(),
    )
    const answer = await world.forward({ url: world.url("/"), method: "HEAD" })
    expect([answer.status, answer.text, answer.headers["content-encoding"]]).toEqual([200, "", undefined])
    expect(world.upstream.arrivals[0]?.method).toBe("HEAD")
  })
})

describe("redirects", () => {
  test("are followed, and the value goes no further than it may", async () => {
    world.upstream.answer(({ url }, res) => {
      const location = { "/1": world.url("/2", "files.example.com"), "/2": world.url("/3", "evil.example.net") }[url]
      if (location === undefined) res.end("here")
      else res.writeHead(307, { location }).end()
    })
    const placeholder = await world.placeholder()
    const first = await world.post(world.forwardPath(), {
      url: world.url("/1"),
      headers: { authorization: placeholder },
    })
    expect([first.status, first.text]).toEqual([200, "here"])
    const arrived = world.upstream.arrivals.map(({ url, headers }) => [url, headers.authorization])
    expect(arrived).toEqual([
      ["/1", canary],
      ["/2", undefined],
      ["/3", undefined],
    ])
  })

  test("to a host that may not have a placeholder that stays are refused", async () => {
    world.upstream.answer(({ url }, res) =>
      url === "/1" ? res.writeHead(307, { location: world.url("/2", "evil.example.net") }).end() : res.end("here"),
    )
    const headers = { "x-api-key": await world.placeholder() }
    const answer = await world.post(world.forwardPath(), { url: world.url("/1"), headers })
    expect([answer.status, answer.headers["strongroom-forward"]]).toEqual([403, "error"])
    expect(world.upstream.arrivals.map(({ url }) => url)).toEqual(["/1"])
  })

  test("without end are", async () => {
    world.upstream.answer(({ url }, res) => res.writeHead(302, { location: url }).end())
    const answer = await world.forward({ url: world.url("/loop") })
    expect([answer.status, answer.json]).toEqual([502, { error: expect.any(String), code: "REDIRECT_LIMIT" }])
  })
})

describe("the router", () => {
  test.each([
    ["GET", "forward"],
    ["OPTIONS", "forward"],
    ["PUT", "placeholders"],
    ["POST", "unknown"],
    ["POST", "Forward"],
  ])("leaves %s %s to the application", async (method, path) => {
    const answer = await world.call(`/egress/vaults/${world.acme.vault}/${path}`, { method })
    expect([answer.status, answer.headers["strongroom-forward"]]).toEqual([404, undefined])
    expect(answer.text).toContain("Cannot ")
  })

  test("answers a path that does not decode", async () => {
    const answer = await world.post("/egress/vaults/%zz/forward", {})
    expect([answer.status, answer.json]).toEqual([400, { error: expect.any(String), code: "INVALID_INPUT" }])
  })
})
