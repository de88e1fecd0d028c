/** One server process of the HTTP comparison: `node http-server.ts <what> <path>`, tells its parent where it listens. */

import { randomBytes } from "node:crypto"
import { once } from "node:events"
import type { Server } from "node:http"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { memoryStorage, reveal, type StorageAdapter } from "@strongroom/core"
import { secretsRouter } from "@strongroom/http-express"
import express, { type Express, type RequestHandler } from "express"
import { replay } from "./cipher-calls.ts"
import { create, openWorld, textOf } from "./engine.ts"
import { type Endpoint, endpoints, type Listening, requestTo } from "./http-requests.ts"
import { fresh } from "./load.ts"
import { rawLmdb } from "./raw-lmdb.ts"
import { type Work, type Written, watch } from "./watch.ts"

export type Served =
  | "echo"
  | "work on memory"
  | "work on LMDB"
  | "Strongroom on memory"
  | "Strongroom on LMDB"
  | "Strongroom, audited, on memory"
  | "Strongroom, audited, on LMDB"

const newApp = () => express().disable("x-powered-by").disable("etag")

const listen = async (app: Express): Promise<{ readonly url: string; readonly server: Server }> => {
  const server = app.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return { url: `http://127.0.0.1:${address.port}`, server }
}

/** Both APIs for an API token. */
const served = async (storage: StorageAdapter, auditReads: boolean) => {
  const world = await openWorld(storage, auditReads)
  const { engine, principal, project, environment, vault } = world
  await create(world, ["ONE"], textOf(100))
  const stored = await engine.principals.create(principal, {
    name: "bench",
    grants: [{ scope: { type: "workspace" }, permission: "admin" }],
  })
  const owner = { workspace: principal.workspace, id: stored.id }
  const { token } = await engine.tokens.issue(owner, { name: "bench", grants: stored.grants })
  const app = newApp()
  app.use(secretsRouter({ strongroom: engine }))
  const secrets = `/v1/workspace/${principal.workspace}/project/${project}/secret`
  const at = {
    headers: { authorization: `Bearer ${reveal(token)}`, "content-type": "application/json" },
    paths: {
      enkryptify: secrets,
      nairi: `/api/public/v1/vaults/${vault}/secrets`,
      one: `${secrets}/ONE?environmentId=${environment}`,
    },
    environment,
  }
  return { app, at, engine }
}

/** What one request to each endpoint asks of cipher and storage, its token's part included, and what it is answered. */
const workOfRequests = async () => {
  const { watched, during } = watch(memoryStorage())
  const { app, at, engine } = await served(watched, false)
  const { url, server } = await listen(app)
  const name = fresh("COUNTED")
  const ask = async (endpoint: Endpoint): Promise<unknown> => {
    const { path, ...request } = requestTo(endpoint, at, name())
    const response = await fetch(url + path, { ...request, headers: at.headers })
    if (!response.ok) throw new Error(`${endpoint} was answered with ${response.status}`)
    return response.json()
  }
  const found: { readonly endpoint: Endpoint; readonly work: Work; readonly answer: unknown }[] = []
  for (const endpoint of endpoints) {
    const answer = await ask(endpoint)
    found.push({ endpoint, work: await during(() => ask(endpoint)), answer })
  }
  server.close()
  server.closeAllConnections()
  await engine.close()
  return found
}

interface RawStore {
  readonly writer: (lengths: readonly number[]) => (name: string) => unknown
  readonly writerLike: (written: readonly Written[]) => () => unknown
  readonly get: (name: string, count: number) => void
}

const rawMemory = (): RawStore => {
  const stored = new Map<string, Uint8Array>()
  let next = 0
  const writer = (lengths: readonly number[]) => {
    const records = lengths.map((length) => randomBytes(length))
    return (name: string) => {
      for (const [index, record] of records.entries()) stored.set(`${name}/${index}`, new Uint8Array(record))
    }
  }
  return {
    writer,
    writerLike: (written) => {
      const write = writer(written.map(({ length }) => length))
      return () => write(`${next++}`)
    },
    get: (name, count) => {
      for (let index = 0; index < count; index++) {
        const record = stored.get(`${name}/${index}`)
        if (record === undefined) throw new Error(`${name}/${index} is missing`)
        new Uint8Array(record)
      }
    },
  }
}

/** The same seals and opens, and the same records written, or for a read got, as plainly as the store allows. */
const working = async (store: RawStore): Promise<Express> => {
  const app = newApp()
  for (const { endpoint, work, answer } of await workOfRequests()) {
    const [cipherCalls, write] = [replay(work.calls), store.writerLike(work.written)]
    const path = `/${endpoint}`
    if (endpoint === "one") {
      await store.writer(work.got)("ONE")
      app.get(path, (_req, res) => {
        store.get("ONE", work.got.length)
        cipherCalls()
        res.json(answer)
      })
    } else {
      app.post(path, express.json(), async (_req, res) => {
        cipherCalls()
        await write()
        res.json(answer)
      })
    }
  }
  return app
}

const echo: RequestHandler = (req, res) => void res.json(req.body)

const value = textOf(100)
const answer: RequestHandler = (_req, res) => void res.json({ value })

const unserved = {
  headers: { "content-type": "application/json" },
  paths: { enkryptify: "/enkryptify", nairi: "/nairi", one: "/one" },
  environment: "1c564a9b-6a2e-46f4-8bb0-5b01e60cccb9",
}

process.on("disconnect", () => process.exit())

const make = async (what = "", path = ""): Promise<{ readonly app: Express; readonly at: Omit<Listening, "url"> }> => {
  const onDisk = what.endsWith("LMDB")
  if (what === "echo") {
    return { app: newApp().post("/{*path}", express.json(), echo).get("/{*path}", answer), at: unserved }
  }
  if (what.startsWith("work")) return { app: await working(onDisk ? rawLmdb(path) : rawMemory()), at: unserved }
  return served(onDisk ? lmdbStorage({ path }) : memoryStorage(), what.includes("audited"))
}

const { app, at } = await make(...process.argv.slice(2))
const { url } = await listen(app)
process.send?.({ url, headers: at.headers, paths: at.paths, environment: at.environment } satisfies Listening)
