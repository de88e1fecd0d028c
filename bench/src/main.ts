/** `npm run bench [-- --quick]`: every comparison in one run on one machine. Growth has a command of its own. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { cpus, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Pace } from "./interleave.ts"
import { comparisonTable, goalTable } from "./report.ts"
import type { Comparison, Goal, SuiteResult } from "./result.ts"
import { cryptoSuite } from "./suites/crypto.ts"
import { embeddedSuite } from "./suites/embedded.ts"
import { growthSuite } from "./suites/growth.ts"
import { httpSuite } from "./suites/http.ts"
import { redisSuite } from "./suites/redis.ts"
import { barChart } from "./svg.ts"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    growth: { type: "boolean", default: false },
  },
})

/** Rounds and slices: a quick run tells the order of magnitude, a full one the ratio. */
const pace = (rounds: number, sliceMs: number, quickRounds: number, quickSliceMs: number): Pace =>
  options.quick ? { rounds: quickRounds, sliceMs: quickSliceMs } : { rounds, sliceMs }

const suites: Readonly<Record<string, () => Promise<SuiteResult | undefined>>> = options.growth
  ? { growth: () => growthSuite(options.quick ? [1_000, 10_000] : [1_000, 10_000, 100_000, 1_000_000]) }
  : {
      crypto: () => cryptoSuite(pace(21, 150, 5, 30)),
      embedded: () => embeddedSuite(pace(21, 400, 5, 100), options.quick ? [10, 1_000] : [10, 1_000, 100_000]),
      redis: () => redisSuite(pace(21, 400, 5, 100)),
      http: () => (options.quick ? httpSuite(2, 1) : httpSuite(7, 3)),
    }

interface Results {
  readonly date: string
  readonly machine: string
  readonly comparisons: readonly Comparison[]
  readonly goals: readonly Goal[]
}

const machine = (): string => {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${memory} GiB, Node ${process.versions.node}, ${process.platform}`
}

const folder = new URL("../", import.meta.url)

/** Of the last run, for those parts that this one leaves out. */
const earlier = async (): Promise<Results | undefined> => {
  try {
    return JSON.parse(await readFile(new URL("results.json", folder), "utf8"))
  } catch {
    return undefined
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`)

const comparisons: Comparison[] = []
const goals: Goal[] = []
for (const [name, run] of Object.entries(suites)) {
  if (options.only !== undefined && options.only !== name) continue
  say(`${name} …`)
  const result = await run()
  if (result === undefined) say(`${name}: left out, its server cannot be started here`)
  comparisons.push(...(result?.comparisons ?? []))
  goals.push(...(result?.goals ?? []))
}

const before = await earlier()
const measured = new Set(comparisons.map(({ id }) => id))
const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  machine: machine(),
  comparisons: [...(before?.comparisons ?? []).filter(({ id }) => !measured.has(id)), ...comparisons],
  goals: [...(before?.goals ?? []).filter(({ id }) => !measured.has(id)), ...goals],
}
const heading = `# Benchmark\n\n${results.date}, ${results.machine}. Medians of rounds in turns; times are never compared across runs.`
const tables = results.comparisons.map(comparisonTable).join("\n\n")
const markdown = `${heading}\n\n## Goals\n\n${goalTable(results.goals)}\n\n## Measured\n\n${tables}\n`
await mkdir(folder, { recursive: true })
await writeFile(new URL("results.json", folder), `${JSON.stringify(results, undefined, 1)}\n`)
await writeFile(new URL("results.md", folder), markdown)
const main = results.comparisons.find(({ id }) => id === "create-read-1024")
if (main !== undefined)
  await writeFile(new URL("results.svg", folder), barChart(main, `${results.date}, ${results.machine}`))
process.stdout.write(markdown)
