/** `npm run bench [-- --quick] [--only <suite>]`: every comparison on one machine. Growth has a command of its own. */
import { mkdtempSync, rmSync } from "node:fs"
import { readFile, rename, writeFile } from "node:fs/promises"
import { constants, cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Pace } from "./interleave.ts"
import { withCosts } from "./readme.ts"
import { report } from "./report.ts"
import { leftOut, merge, type Results, type Run, type Suite, type SuiteResult, suiteNames } from "./result.ts"
import { cryptoSuite } from "./suites/crypto.ts"
import { embeddedSuite } from "./suites/embedded.ts"
import { growthSuite } from "./suites/growth.ts"
import { httpSuite } from "./suites/http.ts"
import { mongodbSuite } from "./suites/mongodb.ts"
import { redisSuite } from "./suites/redis.ts"
import { picture } from "./svg.ts"

const say = (line: string) => void process.stderr.write(`${line}\n`)

const refuse = (why: string): never => {
  say(`strongroom: ${why}`)
  process.exit(1)
}

const optionsGiven = () => {
  try {
    return parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        growth: { type: "boolean", default: false },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : "unknown options")
  }
}

const options = optionsGiven()
const { quick } = options

const inProcess: Pace = quick
  ? { rounds: 5, sliceMs: 30, warmUpMs: 250 }
  : { rounds: 21, sliceMs: 150, warmUpMs: 2_000 }
const onStorage: Pace = quick ? { rounds: 5, sliceMs: 80, warmUpMs: 80 } : { rounds: 21, sliceMs: 300, warmUpMs: 750 }

const suites: Readonly<Record<Suite, () => Promise<SuiteResult>>> = {
  crypto: () => cryptoSuite(inProcess),
  embedded: () => embeddedSuite(onStorage, quick ? [10, 1_000] : [10, 1_000, 100_000]),
  redis: () => redisSuite(onStorage),
  mongodb: () => mongodbSuite(onStorage),
  http: () => (quick ? httpSuite(2, 1) : httpSuite(7, 1.5)),
  growth: () => growthSuite(quick ? [1_000, 10_000] : [1_000, 10_000, 100_000, 1_000_000], onStorage),
}

const wanted = suiteNames.filter((name) =>
  options.growth ? name === "growth" : options.only === undefined ? name !== "growth" : name === options.only,
)
if (wanted.length === 0) refuse(`--only takes one of ${suiteNames.join(", ")}`)

const machine = (): string => {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${memory} GiB, Node ${process.versions.node}, ${process.platform}`
}

const folder = new URL("../", import.meta.url)
const readme = new URL("../README.md", folder)

/** The code, or the name: unlike a message it never holds a connection string. */
const kindOf = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error
  return "code" in error && typeof error.code === "string" ? error.code : error.name
}

/** What earlier runs have left; parts that are not run now keep their own date and machine. */
const earlier = async (): Promise<Results> => {
  try {
    const results: Results = JSON.parse(await readFile(new URL("results.json", folder), "utf8"))
    // Throws here, before anything is measured, if the file has another shape.
    report(results)
    return results
  } catch (error) {
    const kind = kindOf(error)
    return kind === "ENOENT" ? { runs: [] } : refuse(`bench/results.json is broken (${kind}): restore or remove it`)
  }
}

/** Readers find the old file or the new one, whole. */
const replace = async (file: URL, text: string): Promise<void> => {
  const written = new URL(`${file.href}.new`)
  await writeFile(written, text)
  await rename(written, file)
}

const save = async (results: Results): Promise<void> => {
  await replace(new URL("results.json", folder), `${JSON.stringify(results)}\n`)
  await replace(new URL("results.md", folder), report(results))
  const svg = picture(results)
  if (svg !== undefined) await replace(new URL("results.svg", folder), svg)
  await replace(readme, withCosts(await readFile(readme, "utf8"), results))
}

// A quick run tells the order of magnitude; it prints, and keeps nothing.
const before = quick ? undefined : await earlier()

/** For all that suites and their processes write while they run: gone when this process is, also on a signal. */
const scratch = mkdtempSync(join(tmpdir(), "strongroom-bench-"))
process.env["TMPDIR"] = scratch
process.on("exit", () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }))
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]))
}

/** The others are measured even so; the status tells in the end. */
const failed = (suite: Suite, error: unknown): SuiteResult => {
  process.exitCode = 1
  // The driver's messages may hold the connection string.
  if (suite !== "mongodb" && error instanceof Error) say(error.stack ?? error.message)
  return leftOut(`failed: ${kindOf(error)}`)
}

const runs: Run[] = []
for (const suite of wanted) {
  say(`${suite} …`)
  const started = performance.now()
  const result = await suites[suite]().catch((error: unknown) => failed(suite, error))
  if (result.leftOut !== undefined) say(`${suite}: left out: ${result.leftOut}`)
  else say(`${suite}: ${Math.round((performance.now() - started) / 1_000)} s`)
  const date = new Date().toISOString().slice(0, 10)
  runs.push({ suite, date, machine: machine(), mode: quick ? "quick" : "full", ...result })
  // At once: a later suite may take the process with it.
  if (before !== undefined) await save(merge(before, runs))
}
process.stdout.write(report({ runs }, wanted))
// A suite that failed may have left a connection open.
process.exit()
