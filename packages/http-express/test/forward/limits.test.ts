import { once } from "node:events"
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http"
import { afterEach, describe, expect, test } from "vitest"
import { forwarding } from "../../src/forward/forward.ts"
import { type ForwardWorld, startForwardWorld } from "./support/world.ts"

let world: ForwardWorld
afterEach(() => world.stop())

/** A forward whose answer is read piece by piece. */
const open = async (body: unknown): Promise<{ outgoing: ClientRequest; incoming: Promise<IncomingMessage> }> => {
  const outgoing = request({
    host: "127.0.0.1",
    port: world.port,
    path: world.forwardPath(),
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${world.acme.agent}`, "content-type": "application/json" },
  })
  outgoing.on("error", () => {})
  const incoming = once(outgoing, "response").then(([message]) => message)
  incoming.catch(() => {})
  outgoing.end(JSON.stringify(body))
  return { outgoing, incoming }
}
const withKey = async (path: string) => ({ url: world.url(path), headers: { "x-key": await world.placeholder() } })

/** Waits for a request upstream and gives what answers it. */
const nextArrival = () =>
  new Promise<ServerResponse>((resolve) => {
    world.upstream.answer((_, res) => resolve(res))
  })

describe("sizes", () => {
  test("a request that is too large is refused before it is read as one", async () => {
    world = await startForwardWorld({ maxRequestBytes: 500 })
    const answer = await world.forward({ url: world.url("/"), method: "POST", body: "x".repeat(500) })
    expect([answer.status, answer.json]).toEqual([413, { error: expect.any(String), code: "REQUEST_TOO_LARGE" }])
    expect(world.upstream.arrivals).toEqual([])
  })

  test("an answer may be as long as the limit", async () => {
    world = await startForwardWorld({ maxResponseBytes: 1000 })
    world.upstream.answer((_, res) => res.end("x".repeat(1000)))
    expect((await world.forward({ url: world.url("/") })).text).toHaveLength(1000)
  })

  test("one that announces more is refused", async () => {
    world = await startForwardWorld({ maxResponseBytes: 1000 })
    world.upstream.answer((_, res) => res.writeHead(200, { "content-length": 1001 }).end("x".repeat(1001)))
    const answer = await world.forward({ url: world.url("/") })
    expect([answer.status, answer.json]).toEqual([502, { error: expect.any(String), code: "RESPONSE_TOO_LARGE" }])
  })

  test("and its body is given up at once, which closes the connection upstream", async () => {
    world = await startForwardWorld()
    const { strongroom, acme } = world
    let cancelled = false
    const cancel = () => {
      cancelled = true
    }
    const fetch = async () => new Response(new ReadableStream({ cancel }), { headers: { "content-length": "1001" } })
    const limits = { substitute: {}, allowCleartext: false, maxResponseBytes: 1000 }
    const forwarder = { strongroom, fetch, placeholderKey: new Uint8Array(32), ...limits }
    const { send, placeholder } = forwarding(forwarder, acme.owner, acme.vault)
    const headers = new Headers({ "x-key": placeholder("API_KEY") })
    const request = { url: world.url("/"), method: "GET", headers, body: undefined }
    await expect(send(request, new AbortController().signal)).rejects.toMatchObject({ code: "RESPONSE_TOO_LARGE" })
    expect(cancelled).toBe(true)
  })

  test("one that turns out longer is cut off, here and upstream", async () => {
    world = await startForwardWorld({ maxResponseBytes: 100_000 })
    const closed = new Promise<void>((resolve) => {
      world.upstream.answer((_, res) => {
        res.on("close", resolve)
        const more = () => {
          while (res.write("x".repeat(10_000)));
        }
        res.on("drain", more)
        more()
      })
    })
    const { incoming } = await open(await withKey("/"))
    const message = await incoming
    let received = 0
    message.on("data", (chunk: Buffer) => {
      received += chunk.length
    })
    await expect(once(message, "end")).rejects.toMatchObject({ code: "ECONNRESET" })
    expect(message.complete).toBe(false)
    expect(received).toBeLessThanOrEqual(100_000)
    await closed
  })
})

describe("time", () => {
  test("an upstream that does not answer", async () => {
    world = await startForwardWorld({ timeoutMs: 100 })
    world.upstream.answer(() => {})
    const answer = await world.forward({ url: world.url("/") })
    expect([answer.status, answer.json]).toEqual([504, { error: expect.any(String), code: "TIMEOUT" }])
  })

  test("a resolver that does not answer", async () => {
    world = await startForwardWorld({ timeoutMs: 100, resolve: () => new Promise(() => {}) })
    const answer = await world.forward({ url: world.url("/") })
    expect([answer.status, answer.json]).toEqual([504, { error: expect.any(String), code: "TIMEOUT" }])
  })

  test("an upstream that answers without end is cut off", async () => {
    world = await startForwardWorld({ timeoutMs: 2000 })
    world.upstream.answer((_, res) => res.write("begun"))
    const { incoming } = await open(await withKey("/"))
    const message = await incoming
    expect(message.statusCode).toBe(200)
    message.resume()
    await expect(once(message, "end")).rejects.toMatchObject({ code: "ECONNRESET" })
  })
})

describe("an answer", () => {
  test("is handed on as it comes", async () => {
    world = await startForwardWorld()
    const arrival = nextArrival()
    const { incoming } = await open(await withKey("/"))
    const upstream = await arrival
    upstream.write(`${"first ".repeat(100)}`)
    const message = await incoming
    const [chunk] = await once(message, "data")
    expect(String(chunk)).toMatch(/^first /)
    upstream.end("last")
    let rest = ""
    for await (const piece of message) rest += piece
    expect(rest).toMatch(/last$/)
  })

  test("that breaks off is cut off", async () => {
    world = await startForwardWorld()
    world.upstream.answer((_, res) => {
      res.write("x".repeat(1000), () => res.destroy())
    })
    const { incoming } = await open(await withKey("/"))
    const message = await incoming
    message.resume()
    await expect(once(message, "end")).rejects.toMatchObject({ code: "ECONNRESET" })
  })

  test("that never comes, because the connection is reset, is told", async () => {
    world = await startForwardWorld()
    world.upstream.answer((_, __, req) => req.socket.destroy())
    const answer = await world.forward({ url: world.url("/") })
    expect([answer.status, answer.json]).toEqual([
      502,
      { error: expect.any(String), code: "TRANSPORT_FAILED", reason: expect.any(String) },
    ])
  })
})

describe("a client that goes away", () => {
  test("before the answer: the upstream's request is aborted", async () => {
    world = await startForwardWorld()
    const arrival = nextArrival()
    const { outgoing } = await open(await withKey("/"))
    const upstream = await arrival
    outgoing.destroy()
    await once(upstream, "close")
    expect(upstream.writableFinished).toBe(false)
    expect(world.logged).toEqual([])
  })

  test("during the answer: the upstream's is aborted too", async () => {
    world = await startForwardWorld()
    const arrival = nextArrival()
    const { outgoing, incoming } = await open(await withKey("/"))
    const upstream = await arrival
    upstream.write("x".repeat(1000))
    await incoming
    outgoing.destroy()
    await once(upstream, "close")
    expect(upstream.writableFinished).toBe(false)
    expect(world.logged).toEqual([])
  })
})

test("a principal has so many forwards at a time, and gets its slots back", async () => {
  world = await startForwardWorld({ maxConcurrent: 2 })
  const waiting: ServerResponse[] = []
  let both = () => {}
  const arrived = new Promise<void>((resolve) => {
    both = resolve
  })
  world.upstream.answer((_, res) => {
    waiting.push(res)
    if (waiting.length === 2) both()
  })
  const request = await withKey("/")
  const pending = [1, 2].map(() => world.post(world.forwardPath(), request))
  await arrived
  const third = await world.post(world.forwardPath(), request)
  expect([third.status, third.headers["retry-after"]]).toEqual([429, "1"])
  expect(third.json).toMatchObject({ code: "TOO_MANY_FORWARDS" })
  const another = await world.acme.tokenOn("use")
  world.upstream.answer((_, res) => res.end("ok"))
  expect((await world.post(world.forwardPath(), request, another)).status).toBe(200)
  for (const res of waiting) res.end("ok")
  expect((await Promise.all(pending)).map(({ status }) => status)).toEqual([200, 200])
  expect((await world.post(world.forwardPath(), request)).status).toBe(200)
  // Failures give theirs back as well.
  for (let round = 0; round < 4; round++) {
    expect(
      (await world.post(world.forwardPath(), { ...request, url: world.url("/", "evil.example.net") })).status,
    ).toBe(403)
  }
})
