import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import autocannon from "autocannon"
import { textOf } from "../engine.ts"
import type { Listening, Served } from "../http-server.ts"
import { type Measured, spreadOf } from "../interleave.ts"
import { fresh } from "../load.ts"
import { type Comparison, goal, type SuiteResult } from "../result.ts"

const connections = 32

/** Each server is a process of its own; only the one whose turn it is has something to do. */
const serve = async (what: Served): Promise<{ readonly at: Listening; readonly stop: () => Promise<unknown> }> => {
  const child = fork(fileURLToPath(new URL("../http-server.ts", import.meta.url)), [what])
  const gone = once(child, "exit")
  const [at] = await Promise.race([once(child, "message"), gone])
  if (typeof at !== "object") throw new Error(`the server "${what}" ended`)
  return {
    at,
    stop: () => {
      child.disconnect()
      return gone
    },
  }
}

type Request = (
  at: Listening,
  name: string,
) => { readonly method: "GET" | "POST"; readonly path: string; readonly body?: string }

const value = textOf(100)

const enkryptify: Request = ({ paths, environment }, name) => ({
  method: "POST",
  path: paths.secrets,
  body: JSON.stringify({
    environments: [environment],
    secrets: [{ key: name, value, type: "runtime", dataType: "text" }],
  }),
})
const nairi: Request = ({ paths }, name) => ({
  method: "POST",
  path: paths.vault,
  body: JSON.stringify({ env_key: name, value, allowed_domains: ["api.example.com"] }),
})
const readOne: Request = ({ paths }) => ({ method: "GET", path: paths.one })

/** Microseconds a request, from the throughput of a burst. Throws if any answer was not 2xx. */
const burst = async (at: Listening, request: Request, name: () => string, seconds: number): Promise<number> => {
  const result = await autocannon({
    url: at.url,
    connections,
    duration: seconds,
    headers: { ...at.headers },
    requests: [{ setupRequest: (one) => ({ ...one, ...request(at, name()) }) }],
  })
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${failed} of ${result.requests.total} requests failed at ${at.url}`)
  return (result.duration / result["2xx"]) * 1e6
}

interface Row {
  readonly name: string
  readonly server: Served
  readonly request: Request
}

const rows: readonly Row[] = [
  { name: "Enkryptify create, memory", server: "Strongroom on memory", request: enkryptify },
  { name: "Nairi create, memory", server: "Strongroom on memory", request: nairi },
  { name: "Enkryptify read one, memory", server: "Strongroom on memory", request: readOne },
  { name: "Enkryptify create, LMDB", server: "Strongroom on LMDB", request: enkryptify },
  { name: "Nairi create, LMDB", server: "Strongroom on LMDB", request: nairi },
  { name: "Enkryptify read one, LMDB", server: "Strongroom on LMDB", request: readOne },
  { name: "JSON echo", server: "echo", request: enkryptify },
  { name: "echo with the same seals and writes, memory", server: "work on memory", request: enkryptify },
  { name: "echo with the same seals and writes, LMDB", server: "work on LMDB", request: enkryptify },
]

/** Through Express, with 32 connections that are driven by this process. */
export const httpSuite = async (rounds: number, seconds: number): Promise<SuiteResult> => {
  const servers = new Map<Served, Awaited<ReturnType<typeof serve>>>()
  for (const { server } of rows) if (!servers.has(server)) servers.set(server, await serve(server))
  const slices = new Map<string, number[]>(rows.map(({ name }) => [name, []]))
  const name = fresh("S")
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const row of rows) {
        const server = servers.get(row.server)
        if (server === undefined) continue
        const micros = await burst(server.at, row.request, name, seconds)
        // The first round only warms up.
        if (round > 0) slices.get(row.name)?.push(micros)
      }
    }
  } finally {
    await Promise.all([...servers.values()].map(({ stop }) => stop()))
  }
  const measured = rows.map(({ name }): Measured => {
    const values = slices.get(name) ?? []
    return { name, micros: spreadOf(values), slices: values }
  })
  const comparison: Comparison = {
    id: "http",
    title: `HTTP through Express, ${connections} connections, per request`,
    measured,
  }
  const against = (ours: string, theirs: string, aim: number, what: string) =>
    goal(what, "speed", aim, comparison, ours, theirs)
  return {
    comparisons: [comparison],
    goals: ["Enkryptify", "Nairi"].flatMap((api) => [
      against(
        `${api} create, memory`,
        "echo with the same seals and writes, memory",
        0.8,
        `HTTP create (${api}) on memory, against the echo that does the same`,
      ),
      against(
        `${api} create, LMDB`,
        "echo with the same seals and writes, LMDB",
        0.8,
        `HTTP create (${api}) on LMDB, against the echo that does the same`,
      ),
      against(`${api} create, memory`, "JSON echo", 0.5, `HTTP create (${api}) on memory, against the bare echo`),
    ]),
  }
}
