import { type ChildProcess, fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { MongoClient } from "mongodb"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type MongoServer, startMongo } from "../../packages/adapter-mongo/test/support/mongo-server.ts"
import type { Place, Report } from "./write.ts"

interface Messages {
  readonly place?: Place
  readonly written?: true
  readonly report?: Report
}

const script = fileURLToPath(new URL("./write.ts", import.meta.url))
const writers = 64
const rounds = process.env["STRONGROOM_SLOW"] === "1" ? 100 : 3

let server: MongoServer
beforeAll(async () => {
  server = await startMongo()
})
afterAll(() => server.stop())

/** The next message that has the field; rejects when the process ends without. */
const told = <K extends keyof Messages>(child: ChildProcess, field: K): Promise<NonNullable<Messages[K]>> =>
  new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`a writing process ended with ${code}`)))
    child.on("message", (message: Messages) => {
      const found = message[field]
      if (found !== undefined && found !== null) resolve(found)
    })
  })

const write = async (processes: number): Promise<Report[]> => {
  const database = `writers_${randomBytes(6).toString("hex")}`
  const children = Array.from({ length: processes }, (_, i) =>
    fork(script, [server.uri, database, `P${i}`, `${rounds}`], { execArgv: [] }),
  )
  const [first, ...others] = children
  if (first === undefined) return []
  const written = children.map((child) => told(child, "written"))
  const reports = children.map((child) => told(child, "report"))
  first.send({})
  const place = await told(first, "place")
  for (const child of others) child.send(place)
  await Promise.all(written)
  for (const child of children) child.send({})
  const result = await Promise.all(reports)
  const client = new MongoClient(server.uri)
  await client.db(database).dropDatabase()
  await client.close()
  return result
}

it.each([1, 2])(
  "64 writers in one environment, in each of %d processes: no error, no lost update, and all get on",
  { timeout: 90_000 },
  async (processes) => {
    const reports = await write(processes)
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
    const created = sum(reports.flatMap((report) => report.created))
    for (const { errors, contests, lost, found, wrong, created: each } of reports) {
      expect(errors).toEqual([])
      expect(contests).toBe(Math.floor(rounds / 3))
      expect(lost).toBe(contests * (writers - 1))
      expect(Math.min(...each)).toBeGreaterThanOrEqual(rounds - contests)
      expect([found, wrong]).toEqual([created, 0])
    }
  },
)
