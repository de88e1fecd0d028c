/** The server that the tests run against: the first that can be had of those listed in the package's README. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MongoClient } from "mongodb"
import { freePort } from "../../../../test/free-port.ts"
import { type StandInOptions, startStandIn } from "../stand-in/stand-in.ts"

interface Started {
  readonly uri: string
  /** What it is, for the run's output. */
  readonly name: string
  /**
   * Ends what a killed process has left open, or waits for the server to do so (`transactionLifetimeLimitSeconds`).
   * Absent where that takes longer than tests can wait.
   */
  readonly endOrphans?: () => Promise<void>
  readonly isStandIn?: true
  readonly stop: () => Promise<void>
}

/** By default 60, and the kit waits for 15. */
const shortLived = ["--setParameter", "transactionLifetimeLimitSeconds=5"]
const waits = { endOrphans: async () => {} }

/** A `mongod` of our own as a replica set of one node. */
const startMongod = async (): Promise<Started> => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-mongod-"))
  const port = await freePort()
  const child = spawn(
    "mongod",
    ["--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", `${port}`, "--dbpath", directory, ...shortLived],
    { stdio: "ignore" },
  )
  const gone = once(child, "exit")
  const host = `127.0.0.1:${port}`
  const client = new MongoClient(`mongodb://${host}/?directConnection=true`)
  await client.db("admin").command({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host }] } })
  const { version } = await client.db("admin").command({ buildInfo: 1 })
  await client.close()
  return {
    uri: `mongodb://${host}/?replicaSet=rs0`,
    name: `mongod ${version}`,
    ...waits,
    stop: async () => {
      child.kill("SIGKILL")
      await gone
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Only where somebody has installed it: it downloads a server. */
const startMemoryServer = async (): Promise<Started | undefined> => {
  const name = "mongodb-memory-server-core"
  const found: unknown = await import(name).catch(() => undefined)
  if (typeof found !== "object" || found === null || !("MongoMemoryReplSet" in found)) return undefined
  const { MongoMemoryReplSet } = found as {
    MongoMemoryReplSet: { create(options: object): Promise<{ getUri(): string; stop(): Promise<unknown> }> }
  }
  const server = await MongoMemoryReplSet.create({ replSet: { count: 1, args: shortLived } })
  return { uri: server.getUri(), name, ...waits, stop: async () => void (await server.stop()) }
}

const startGiven = async (uri: string): Promise<Started> => {
  const client = new MongoClient(uri)
  const admin = client.db("admin")
  const { version } = await admin.command({ buildInfo: 1 })
  const lifetime = await admin.command({ getParameter: 1, transactionLifetimeLimitSeconds: 1 }).catch(() => undefined)
  await client.close()
  const soon = Number(lifetime?.["transactionLifetimeLimitSeconds"]) <= 10
  return { uri, name: `the server of MONGODB_URI, version ${version}`, ...(soon && waits), stop: async () => {} }
}

const startStandInServer = async (options?: StandInOptions): Promise<Started> => {
  const standIn = await startStandIn(options)
  return {
    uri: standIn.uri,
    name: options?.kind === "sharded" ? "a stand-in for a sharded cluster" : "a stand-in",
    isStandIn: true,
    endOrphans: async () => void standIn.expireTransactions(),
    stop: () => standIn.stop(),
  }
}

const start = async (): Promise<Started> => {
  const given = process.env["MONGODB_URI"]
  if (given !== undefined) return startGiven(given)
  if (spawnSync("mongod", ["--version"]).status === 0) return startMongod()
  const memoryServer = await startMemoryServer()
  if (memoryServer !== undefined) return memoryServer
  return startStandInServer()
}

export interface MongoServer extends Started {
  /** A URI that names a database. */
  readonly uriOf: (database: string) => string
}

export const startMongo = async (): Promise<MongoServer> => named(await start())

export const startShardedStandIn = async (): Promise<MongoServer> =>
  named(await startStandInServer({ kind: "sharded" }))

const named = (server: Started): MongoServer => {
  process.stdout.write(`MongoDB tests run on ${server.name}\n`)
  const [, hosts = "", query = ""] = /^([^?]*\/\/[^/?]+)[^?]*(\?.*)?$/.exec(server.uri) ?? []
  // Users are in `admin` unless the URI says otherwise; naming a database must not change that.
  const asAdmin = hosts.includes("@") && !query.includes("authSource=")
  const source = asAdmin ? `${query === "" ? "?" : "&"}authSource=admin` : ""
  return { ...server, uriOf: (database) => `${hosts}/${database}${query}${source}` }
}
