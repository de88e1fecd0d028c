import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import autocannon from "autocannon"
import { start } from "../child.ts"
import { type Endpoint, endpoints, type Listening, requestTo } from "../http-requests.ts"
import type { Served } from "../http-server.ts"
import { measuredOf, takeTurns } from "../interleave.ts"
import { fresh } from "../load.ts"
import { type Comparison, type Goal, goal, type SuiteResult } from "../result.ts"

const connections = 32

interface Process {
  readonly at: Listening
  readonly stop: () => Promise<unknown>
}

/** Each server is a process of its own; only the one whose turn it is has something to do. */
const serve = async (what: Served, path: string): Promise<Process> => {
  const { answer, stop } = start("http-server.ts", [what, path])
  const at = await answer()
  if (!isListening(at)) throw new Error(`the server "${what}" did not say where it listens`)
  return { at, stop }
}

const isListening = (message: unknown): message is Listening =>
  typeof message === "object" && message !== null && "url" in message && "paths" in message

/** Microseconds a request, from the throughput of a burst. Throws if any answer was not 2xx. */
const burst = async (at: Listening, endpoint: Endpoint, name: () => string, seconds: number): Promise<number> => {
  const result = await autocannon({
    url: at.url,
    connections,
    duration: seconds,
    // How often it looks whether the time is over.
    sampleInt: 250,
    headers: { ...at.headers },
    requests: [{ setupRequest: (one) => ({ ...one, ...requestTo(endpoint, at, name()) }) }],
  })
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${failed} of ${result.requests.total} requests failed at ${at.url}`)
  return (result.duration / result["2xx"]) * 1e6
}

const strongroom = "Strongroom"
const audited = "Strongroom, reads audited"
const work = "echo that does the same"
const echo = "JSON echo"
const fixed = "Express, a fixed answer"

const stores = ["memory", "LMDB"] as const
type Store = (typeof stores)[number]

const titles: Readonly<Record<Endpoint, string>> = {
  enkryptify: "Enkryptify create",
  nairi: "Nairi create",
  one: "Enkryptify read one",
}

interface Row {
  readonly name: string
  readonly server: Served
  readonly endpoint: Endpoint
}

/** The bare echo has no store; it is measured once for each body. A read has none to echo. */
const bare = (endpoint: Endpoint): Row => ({ name: endpoint === "one" ? fixed : echo, server: "echo", endpoint })

const rowsOf = (endpoint: Endpoint, store: Store): readonly Row[] => [
  { name: strongroom, server: `Strongroom on ${store}`, endpoint },
  ...(endpoint === "one"
    ? [{ name: audited, server: `Strongroom, audited, on ${store}`, endpoint } satisfies Row]
    : []),
  { name: work, server: `work on ${store}`, endpoint },
]

const withServers = async <A>(use: (servers: ReadonlyMap<Served, Process>) => Promise<A>): Promise<A> => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-http-"))
  const servers = new Map<Served, Process>()
  try {
    const kinds = stores.flatMap((store) => endpoints.flatMap((endpoint) => rowsOf(endpoint, store)))
    for (const what of new Set<Served>(["echo", ...kinds.map(({ server }) => server)])) {
      servers.set(what, await serve(what, join(directory, `${servers.size}`)))
    }
    return await use(servers)
  } finally {
    await Promise.all([...servers.values()].map(({ stop }) => stop()))
    await rm(directory, { recursive: true, force: true })
  }
}

/** How long a server is warmed up for each of its endpoints, as a part of how long that is measured. */
const warmUp = 1 / 4

/** Through Express, with 32 connections that are driven by this process. All rows take turns with all others. */
export const httpSuite = (rounds: number, seconds: number): Promise<SuiteResult> =>
  withServers(async (servers) => {
    const tables = endpoints.flatMap((endpoint) =>
      stores.map((store) => ({ endpoint, store, rows: rowsOf(endpoint, store), bare: bare(endpoint) })),
    )
    const echoes = endpoints.map(bare)
    const rows = [...tables.flatMap((one) => one.rows), ...echoes]
    const name = fresh("S")
    const measure = (duration: number) => (row: Row) => {
      const found = servers.get(row.server)
      if (found === undefined) throw new Error(`"${row.server}" is not running`)
      return burst(found.at, row.endpoint, name, duration)
    }
    await takeTurns(rows, 1, measure(warmUp * rounds * seconds))
    const slices = await takeTurns(rows, rounds, measure(seconds))
    const measuredRow = (row: Row) => {
      const at = rows.findIndex(({ server, endpoint }) => server === row.server && endpoint === row.endpoint)
      return measuredOf(row.name, slices[at] ?? [])
    }
    const comparisons: Comparison[] = []
    const goals: Goal[] = []
    for (const { endpoint, store, rows, bare } of tables) {
      const comparison = {
        id: `http-${endpoint}-${store.toLowerCase()}`,
        title: `HTTP, ${titles[endpoint]} on ${store}, ${connections} connections, per request`,
        measured: [...rows, bare].map(measuredRow),
      }
      comparisons.push(comparison)
      if (endpoint === "one") continue
      const what = `HTTP, ${titles[endpoint]} on ${store}`
      goals.push(goal(`${what}, against the echo that does the same`, "speed", 0.8, comparison, strongroom, work))
      if (store === "memory") {
        goals.push(goal(`${what}, against the bare echo`, "speed", 0.5, comparison, strongroom, echo))
      }
    }
    return { comparisons, goals }
  })
