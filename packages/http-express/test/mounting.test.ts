import { once } from "node:events"
import { request } from "node:http"
import { setImmediate } from "node:timers/promises"
import { type Principal, StrongroomError } from "@strongroom/core"
import express, { type ErrorRequestHandler, type Express } from "express"
import { afterEach, describe, expect, test, vi } from "vitest"
import { send } from "../src/send.ts"
import { serve } from "./support/http.ts"
import { get, post, startWorld, type World } from "./support/world.ts"

const vaults = "/api/public/v1/vaults"
const environments = "/v1/workspace/acme/project/shop/environment"

const running: World[] = []
const start = async (...options: Parameters<typeof startWorld>) => {
  const world = await startWorld(...options)
  running.push(world)
  return world
}
afterEach(async () => {
  for (const world of running.splice(0)) await world.stop()
})

const createIn = (world: World, name: string, path = "/v1/workspace/acme/project/shop/secret", padding = "") =>
  world.call(
    path,
    post(world.acme.token, {
      environments: [world.acme.development],
      secrets: [{ key: name, value: "v", type: "runtime", dataType: "text" }],
      padding,
    }),
  )

describe("where it is mounted", () => {
  test("below a prefix, with the slashes that clients send", async () => {
    const world = await start({ mount: (app, router) => app.use("/secrets", router) })
    const { token } = world.acme
    for (const path of [`/secrets${vaults}`, `/secrets/${vaults}`, `/secrets${vaults}/`, `/secrets${environments}/`]) {
      const answer = await world.call(path, get(token))
      expect([path, answer.status]).toEqual([path, 200])
    }
    expect((await createIn(world, "NEW", "/secrets//v1/workspace/acme/project/shop/secret/")).status).toBe(200)
    expect((await world.call(vaults, get(token))).status).toBe(404)
  })

  test("at the root, a second leading slash is served and nothing is redirected", async () => {
    const world = await start()
    expect((await world.call(`/${vaults}`, get(world.acme.token))).status).toBe(200)
    expect((await createIn(world, "NEW", "//v1/workspace/acme/project/shop/secret/")).status).toBe(200)
  })
})

describe("what is not ours", () => {
  const untouched = (app: Express, router: express.Router) => {
    app.use(router)
    app.use((req, res) => {
      res.status(299).json({ method: req.method, url: req.url, body: req.body ?? null, params: req.params })
    })
  }

  test.each([
    ["GET", "/"],
    ["GET", "/v1"],
    ["GET", "/V1/workspace/acme/project/shop/environment"],
    ["GET", "/v1/workspace/acme/project/shop"],
    ["GET", "/v1/workspace/acme/project/shop/secret/ABC/more"],
    ["POST", environments],
    ["PUT", "/v1/workspace/acme/project/shop/secret/9a5f1c3e-1111-4111-8111-111111111111"],
    ["DELETE", "/v1/workspace/acme/project/shop/secret/9a5f1c3e-1111-4111-8111-111111111111"],
    ["DELETE", "/v1/workspace/%zz/project/shop/secret/%"],
    ["POST", "/v1/workspace/%zz/project/shop/secret/%"],
    ["OPTIONS", "/v1/workspace/acme/project/shop/secret"],
    ["POST", vaults],
    ["PATCH", `${vaults}/vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV`],
    ["POST", "/v1/auth/exchange"],
    ["GET", "/healthz?a=b"],
  ])("falls through untouched and unauthenticated: %s %s", async (method, path) => {
    const world = await start({ mount: untouched })
    const answer = await world.call(path, { method, ...(method === "POST" && { body: "raw" }) })
    expect(answer.status).toBe(299)
    expect(answer.json).toEqual({ method, url: path, body: null, params: {} })
    expect(answer.headers).toHaveProperty("x-powered-by", "Express")
    expect(answer.headers).not.toHaveProperty("cache-control")
  })

  test("the application's settings stay its own and do not reach our answers", async () => {
    const world = await start({
      mount: (app, router) => {
        app.set("json spaces", 2).set("etag", "strong").set("query parser", false)
        app.use(router)
        app.get("/own", (_req, res) => res.json({ a: 1 }))
      },
    })
    const { token, development } = world.acme
    const own = await world.call("/own")
    expect([own.text, typeof own.headers.etag]).toEqual(['{\n  "a": 1\n}', "string"])
    const ours = await world.call(`${environments}?environmentId=x`, get(token))
    expect(ours.text).not.toContain("\n")
    expect(ours.headers).not.toHaveProperty("etag")
    await createIn(world, "NEW")
    const query = `environmentId=${development}`
    const read = await world.call(`/v1/workspace/acme/project/shop/secret?${query}`, get(token))
    expect(read.json).toHaveLength(1)
  })

  test("an answer that the application gave first stands", async () => {
    const app = express()
    const thrown: unknown[] = []
    app.use((_req, res) => {
      res.status(503).end("too late")
      try {
        send(res, 200, { success: true })
      } catch (error) {
        thrown.push(error)
      }
    })
    const server = await serve(app)
    const answer = await server.call("/")
    await server.stop()
    expect([answer.status, answer.text, thrown]).toEqual([503, "too late", []])
  })
})

describe("under another parser of bodies", () => {
  test.each([
    ["json", express.json({ limit: "8mb" })],
    ["text", express.text({ type: "*/*", limit: "8mb" })],
    ["raw", express.raw({ type: "*/*", limit: "8mb" })],
  ])("express.%s", async (_, parser) => {
    const world = await start({ mount: (app, router) => app.use(parser, router), bodyLimit: 2000 })
    expect((await createIn(world, "NEW")).status).toBe(200)
    const read = await world.call("/v1/workspace/acme/project/shop/secret/NEW", get(world.acme.token))
    expect(read.json).toMatchObject({ values: [{ value: "v" }] })
    const vault = `${vaults}/${world.acme.vault}/secrets`
    expect((await world.call(vault, post(world.acme.token, { env_key: "NEW", value: "v" }))).status).toBe(201)
    expect((await createIn(world, "LARGE", undefined, "p".repeat(2000))).status).toBe(413)
    expect((await createIn(world, "x")).json).toEqual({ message: expect.stringMatching(/^secrets\[0\]\.key: /) })
    const call = post(world.acme.token, { a: 1 })
    const wrongType = { ...call, headers: { ...call.headers, "content-type": "application/json; charset=latin1" } }
    expect((await world.call(vault, wrongType)).status).toBe(415)
  })

  test("a body of unannounced length is measured where its bytes are left", async () => {
    const parser = express.raw({ type: "*/*", limit: "8mb" })
    const world = await start({ mount: (app, router) => app.use(parser, router), bodyLimit: 2000 })
    const call = post(world.acme.token, { padding: "p".repeat(2000) })
    const chunked = { ...call, headers: { ...call.headers, "transfer-encoding": "chunked" } }
    expect((await world.call("/v1/workspace/acme/project/shop/secret", chunked)).status).toBe(413)
  })

  test.each<readonly [string, express.RequestHandler, string]>([
    [
      "has read it and kept it",
      (req, _res, next) => void req.resume().once("end", next),
      "body: must be JSON in UTF-8",
    ],
    ["has set its encoding", (req, _res, next) => next(void req.setEncoding("utf8")), "body: could not be read"],
  ])("that %s", async (_, parser, message) => {
    const world = await start({ mount: (app, router) => app.use(parser, router) })
    const answer = await createIn(world, "NEW")
    expect([answer.status, answer.json]).toEqual([400, { message }])
    const { status } = await world.call("/v1/workspace/acme/project/shop/secret/NEW", get(world.acme.token))
    expect(status).toBe(404)
  })

  test("no body that we read is left on the request", async () => {
    const bodies: unknown[] = []
    const world = await start({
      mount: (app, router) => {
        app.use((req, res, next) => {
          res.on("finish", () => bodies.push(req.body))
          next()
        })
        app.use(router)
      },
    })
    expect((await createIn(world, "NEW")).status).toBe(200)
    expect((await createIn(world, "x")).status).toBe(400)
    expect(bodies).toEqual([undefined, undefined])
  })
})

describe("a body in pieces", () => {
  const path = "/v1/workspace/acme/project/shop/secret"
  const pieces = async (world: World, token: string) => {
    const { development } = world.acme
    const secret = { key: "NEW", value: "é", type: "runtime", dataType: "text" }
    const bytes = Buffer.from(JSON.stringify({ environments: [development], secrets: [secret] }))
    const cut = bytes.indexOf("é") + 1
    const { headers } = post(token, "")
    const outgoing = request({ port: world.port, path, method: "POST", headers, host: "127.0.0.1", agent: false })
    outgoing.write(bytes.subarray(0, cut))
    return { outgoing, rest: bytes.subarray(cut) }
  }

  test("is put together before it is decoded", async () => {
    const world = await start()
    const { outgoing, rest } = await pieces(world, world.acme.token)
    outgoing.end(rest)
    const [{ statusCode }] = await once(outgoing, "response")
    expect(statusCode).toBe(200)
    const read = await world.call(`${path}/NEW`, get(world.acme.token))
    expect(read.json).toMatchObject({ values: [{ value: "é" }] })
  })

  test.each(["the client", "the application"])("is given up when %s breaks off", async (who) => {
    const asked = Promise.withResolvers<express.Request>()
    let owner: Principal | undefined
    const authenticate = async (req: express.Request) => {
      asked.resolve(req)
      return owner
    }
    const world = await start({ authenticate })
    owner = world.acme.owner
    const { reads } = world.watch
    const { outgoing } = await pieces(world, world.acme.token)
    outgoing.on("error", () => {})
    const req = await asked.promise
    // By then it waits for the rest.
    await setImmediate()
    expect(world.watch.reads).toBe(reads)
    if (who === "the client") outgoing.destroy()
    else req.destroy()
    // A refusal has its principal judged, which reads.
    await vi.waitFor(() => expect(world.watch.reads).toBeGreaterThan(reads))
  })
})

describe("another authentication", () => {
  const principals = new Map<string, Principal>()
  const authenticate = async ({ headers, params: { ws } }: express.Request) =>
    principals.get(`${headers["x-user"]} ${ws}`)
  const path = "/v1/workspace/acme/project/shop/secret"

  test("hands over a principal whose grants the application vouches for", async () => {
    const world = await start({ authenticate })
    const { workspace, project, development, staging } = world.acme
    const scope = { type: "environment", project: project.id, environment: development } as const
    principals.set("ann acme", { workspace: workspace.id, id: "ann", grants: [{ scope, permission: "read-write" }] })
    const create = (environment: string) =>
      world.call(path, {
        method: "POST",
        headers: { "x-user": "ann", "content-type": "application/json" },
        body: JSON.stringify({
          environments: [environment],
          secrets: [{ key: "NEW", value: "v", type: "runtime", dataType: "text" }],
        }),
      })
    expect((await create(development)).status).toBe(200)
    expect((await create(staging)).status).toBe(404)
    expect((await create("malformed")).status).toBe(400)
    expect((await world.call(path, { headers: { "x-user": "ann" } })).json).toMatchObject([{ name: "NEW" }])
    expect((await world.call(path, { headers: { "x-user": "bob" } })).status).toBe(401)
    expect((await world.call(path, get(world.acme.token))).status).toBe(401)
  })

  test("that finds nobody is answered 401, and one that gives no principal is the application's fault", async () => {
    const answers: readonly (readonly [unknown, number])[] = [
      [undefined, 401],
      [null, 401],
      [{}, 500],
      [{ workspace: "acme", id: "ann", grants: [] }, 500],
      [{ workspace: "6d0e3c0a-0f0a-4f5e-9b8e-0a0a0a0a0a0a" }, 500],
    ]
    let given: unknown
    const logged: unknown[] = []
    const quiet = () => {}
    const error = (_message: string, fields?: unknown) => void logged.push(fields)
    // What an application without types may do.
    const world = await start({
      authenticate: async () => given as Principal,
      logger: { debug: quiet, info: quiet, warn: quiet, error },
    })
    for (const [answer, status] of answers) {
      given = answer
      expect([answer, (await world.call(path)).status]).toEqual([answer, status])
    }
    expect(logged).toMatchObject(answers.slice(2).map(() => ({ code: "INVALID_INPUT", status: 500 })))
  })

  test("that throws is the application's to answer, unless the engine threw", async () => {
    const own = new Error("session store is down")
    let thrown: Error = own
    const seen: unknown[] = []
    const report: ErrorRequestHandler = (error, _req, res, _next) => {
      seen.push(error)
      res.status(502).end()
    }
    const world = await start({
      mount: (app, router) => app.use(router, report),
      authenticate: () => Promise.reject(thrown),
    })
    expect((await world.call(path)).status).toBe(502)
    expect(seen).toEqual([own])
    thrown = new URIError("not of our path")
    expect((await world.call(path)).status).toBe(502)
    thrown = new StrongroomError("STORAGE_UNAVAILABLE", "down")
    expect((await world.call(path)).status).toBe(503)
    expect(seen).toHaveLength(2)
  })

  test("without one, a good request costs no read beside the engine's own", async () => {
    const world = await start()
    const { strongroom, watch, acme } = world
    const principal = await strongroom.tokens.identify(acme.token)
    if (principal === undefined) throw new Error("the token is not known")
    const costOf = async (call: () => Promise<unknown>) => {
      const { reads, committed } = watch
      await call()
      return { reads: watch.reads - reads, commits: watch.committed - committed }
    }
    const secret = { name: "DIRECT", value: "v", type: "runtime", dataType: "text" } as const
    const input = { workspace: "acme", project: "shop", environments: [acme.development], secrets: [secret] }
    await createIn(world, "WARM")
    const direct = await costOf(() => strongroom.secrets.create(principal, input))
    expect(await costOf(() => createIn(world, "NEW"))).toEqual(direct)
  })
})
