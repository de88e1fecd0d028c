/** `npm run bench [-- --quick] [--only <suite>]`: every comparison on one machine. Growth has a command of its own. */
import { readFile, writeFile } from "node:fs/promises"
import { cpus, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Pace } from "./interleave.ts"
import { withCosts } from "./readme.ts"
import { report } from "./report.ts"
import { merge, type Results, type Run, type Suite, type SuiteResult, suiteNames } from "./result.ts"
import { cryptoSuite } from "./suites/crypto.ts"
import { embeddedSuite } from "./suites/embedded.ts"
import { growthSuite } from "./suites/growth.ts"
import { httpSuite } from "./suites/http.ts"
import { mongodbSuite } from "./suites/mongodb.ts"
import { redisSuite } from "./suites/redis.ts"
import { picture } from "./svg.ts"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    growth: { type: "boolean", default: false },
  },
})
const { quick } = options

const inProcess: Pace = quick
  ? { rounds: 5, sliceMs: 30, warmUpMs: 250 }
  : { rounds: 21, sliceMs: 150, warmUpMs: 3_000 }
const onStorage: Pace = quick ? { rounds: 5, sliceMs: 80, warmUpMs: 80 } : { rounds: 21, sliceMs: 400, warmUpMs: 1_000 }

const suites: Readonly<Record<Suite, () => Promise<SuiteResult>>> = {
  crypto: () => cryptoSuite(inProcess),
  embedded: () => embeddedSuite(onStorage, quick ? [10, 1_000] : [10, 1_000, 100_000]),
  redis: () => redisSuite(onStorage),
  mongodb: () => mongodbSuite(onStorage),
  http: () => (quick ? httpSuite(2, 1) : httpSuite(7, 2)),
  growth: () => growthSuite(quick ? [1_000, 10_000] : [1_000, 10_000, 100_000, 1_000_000], onStorage),
}

const wanted = suiteNames.filter((name) =>
  options.growth ? name === "growth" : options.only === undefined ? name !== "growth" : name === options.only,
)
if (wanted.length === 0) throw new Error(`--only takes one of ${suiteNames.join(", ")}`)

const machine = (): string => {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${memory} GiB, Node ${process.versions.node}, ${process.platform}`
}

const folder = new URL("../", import.meta.url)
const readme = new URL("../README.md", folder)

/** What earlier runs have left; parts that are not run now keep their own date, machine and mode. */
const earlier = async (): Promise<Results> => {
  try {
    return JSON.parse(await readFile(new URL("results.json", folder), "utf8"))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { runs: [] }
    throw error
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`)

const save = async (results: Results): Promise<void> => {
  await writeFile(new URL("results.json", folder), `${JSON.stringify(results)}\n`)
  await writeFile(new URL("results.md", folder), report(results))
  const svg = picture(results)
  if (svg !== undefined) await writeFile(new URL("results.svg", folder), svg)
  await writeFile(readme, withCosts(await readFile(readme, "utf8"), results))
}

const runs: Run[] = []
for (const suite of wanted) {
  say(`${suite} …`)
  const result = await suites[suite]()
  if (result.leftOut !== undefined) say(`${suite}: left out: ${result.leftOut}`)
  const date = new Date().toISOString().slice(0, 10)
  runs.push({ suite, date, machine: machine(), mode: quick ? "quick" : "full", ...result })
  // At once: a later suite may fail.
  await save(merge(await earlier(), runs))
}
process.stdout.write(report({ runs }, wanted))
