/** One server process of the HTTP comparison: `node http-server.ts <what>`, tells its parent where it listens. */

import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { memoryStorage, reveal, type StorageAdapter } from "@strongroom/core"
import { secretsRouter } from "@strongroom/http-express"
import express, { type RequestHandler } from "express"
import { open as openLmdb } from "lmdb"
import { cipherCallsOf, create, openWorld, replay, textOf } from "./engine.ts"
import { recordsOf } from "./watch.ts"

export type Served = "echo" | "work on memory" | "work on LMDB" | "Strongroom on memory" | "Strongroom on LMDB"

export interface Listening {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Below `url`. */
  readonly paths: { readonly secrets: string; readonly vault: string; readonly one: string }
  readonly environment: string
}

const [what] = process.argv.slice(2)
const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-http-"))
process.on("disconnect", async () => {
  await rm(directory, { recursive: true, force: true })
  process.exit()
})

const app = express().disable("x-powered-by").disable("etag")

const storage = (): StorageAdapter =>
  what?.endsWith("LMDB") ? lmdbStorage({ path: join(directory, "strongroom") }) : memoryStorage()

/** The same number of seals and opens as a create, and the same records written as plainly as the store allows. */
const work = async (): Promise<RequestHandler> => {
  const { watched, lengths } = recordsOf(memoryStorage())
  const world = await openWorld({ storage: watched })
  const calls = await cipherCallsOf(() => create(world, ["COUNTED"], textOf(100)))
  const records = lengths().map((length) => randomBytes(length))
  await world.engine.close()
  const once = replay(calls)
  let next = 0
  if (what === "work on memory") {
    const stored = new Map<string, Uint8Array>()
    return (req, res) => {
      once()
      const name = next++
      for (const [index, record] of records.entries()) stored.set(`${name}/${index}`, new Uint8Array(record))
      res.status(201).json(req.body)
    }
  }
  const database = openLmdb({
    path: join(directory, "raw"),
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: "binary",
    keyEncoding: "binary",
  })
  return async (req, res) => {
    once()
    const name = next++
    await database.childTransaction(() => {
      for (const [index, record] of records.entries()) database.put(Buffer.from(`${name}/${index}`), record)
    })
    res.status(201).json(req.body)
  }
}

let listening: Omit<Listening, "url">
if (what?.startsWith("Strongroom")) {
  const world = await openWorld({ storage: storage() })
  const { engine, principal, project, environment, vault } = world
  await create(world, ["ONE"], textOf(100))
  const stored = await engine.principals.create(principal, {
    name: "bench",
    grants: [{ scope: { type: "workspace" }, permission: "admin" }],
  })
  const owner = { workspace: principal.workspace, id: stored.id }
  const { token } = await engine.tokens.issue(owner, { name: "bench", grants: stored.grants })
  app.use(secretsRouter({ strongroom: engine }))
  const secrets = `/v1/workspace/${principal.workspace}/project/${project}/secret`
  listening = {
    headers: { authorization: `Bearer ${reveal(token)}`, "content-type": "application/json" },
    paths: {
      secrets,
      vault: `/api/public/v1/vaults/${vault}/secrets`,
      one: `${secrets}/ONE?environmentId=${environment}`,
    },
    environment,
  }
} else {
  app.post("/", express.json(), what === "echo" ? (req, res) => void res.status(201).json(req.body) : await work())
  listening = {
    headers: { "content-type": "application/json" },
    paths: { secrets: "/", vault: "/", one: "/" },
    environment: "1c564a9b-6a2e-46f4-8bb0-5b01e60cccb9",
  }
}
const server = app.listen(0, "127.0.0.1")
await once(server, "listening")
const address = server.address()
if (address === null || typeof address === "string") throw new Error("no port")
process.send?.({ ...listening, url: `http://127.0.0.1:${address.port}` } satisfies Listening)
