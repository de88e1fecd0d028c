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

  test("has every header that was given, also one named like a property that all objects have", async () => {
    const raw: string[] = []
    world.upstream.answer((_, res, req) => {
      raw.push(...req.rawHeaders)
      res.end()
    })
    const headers = `{"x-key":"${await world.placeholder()}","__proto__":"${await world.placeholder()}","constructor":"c"}`
    const body = `{"url":"${world.url("/")}","headers":${headers}}`
    expect((await world.post(world.forwardPath(), body)).status).toBe(200)
    expect(raw[raw.indexOf("__proto__") + 1]).toBe(canary)
    expect(raw[raw.indexOf("constructor") + 1]).toBe("c")
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

  test("has no headers but those that describe the content, page through it, or tell when to ask again", async () => {
    const described = {
      "content-language": "en",
      "content-disposition": "attachment",
      "content-range": "bytes 0-17/18",
      "accept-ranges": "bytes",
      allow: "GET",
      etag: '"x"',
      "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT",
      "retry-after": "7",
      ratelimit: '"default";r=50;t=30',
      "ratelimit-limit": "60",
      "x-ratelimit-remaining": "59",
      "x-request-id": "7",
    }
    world.upstream.answer((_, res) => {
      res.writeHead(200, {
        "keep-alive": "timeout=9",
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
        "x-accel-redirect": "/internal",
        "x-accel-buffering": "no",
        "x-sendfile": "/etc/passwd",
        "x-lighttpd-send-file": "/etc/passwd",
        "x-reproxy-url": "http://169.254.169.254/",
        "surrogate-control": "max-age=99",
        "cdn-cache-control": "max-age=99",
        "speculation-rules": '"/rules"',
        server: "theirs",
        "x-powered-by": "theirs",
        "x-anything": "1",
        ...described,
      })
      res.end("<script>1</script>")
    })
    const { headers } = await world.forward({ url: world.url("/") })
    const { date, connection, "keep-alive": keepAlive, "transfer-encoding": coding, ...rest } = headers
    expect(keepAlive).not.toBe("timeout=9")
    expect(rest).toEqual({
      ...described,
      "content-type": "text/html",
      link: "<a>; rel=next",
      "cache-control": "no-store",
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "strongroom-forward": "upstream",
    })
  })

  test.each([201, 300])("is told the Location of a %i that is not followed, under a name of ours", async (status) => {
    world.upstream.answer((_, res) =>
      res.writeHead(status, { location: "/v1/7", "strongroom-forward-location": "/theirs" }).end(),
    )
    const { headers } = await world.forward({ url: world.url("/") })
    expect(headers).toMatchObject({ "strongroom-forward-location": "/v1/7" })
    expect(headers).not.toHaveProperty("location")
  })

  test.each(["200 \u2713 ok", "200 caf\u00e9"])("is an answer whatever its status text: %s", async (status) => {
    world.upstream.answer((_, __, req) => {
      req.socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 2\r\n\r\nok`)
    })
    expect(await world.forward({ url: world.url("/") })).toMatchObject({ status: 200, text: "ok" })
  })

  test("has a reflected value masked, in headers and body", async () => {
    world.upstream.answer(({ headers }, res) => {
      res.writeHead(200, { "x-request-id": headers.authorization, "content-type": "application/json" })
      res.end(JSON.stringify(headers))
    })
    const answer = await world.forward({ url: world.url("/") })
    const placeholder = await world.placeholder()
    expect(answer.headers["x-request-id"]).toBe(`Bearer ${placeholder}`)
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
