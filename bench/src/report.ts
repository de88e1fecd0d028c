import { type Measured, ratioOf, type Spread } from "./interleave.ts"
import {
  type Comparison,
  features,
  type Goal,
  type Includes,
  isMet,
  type Results,
  type Run,
  type Suite,
  suiteNames,
} from "./result.ts"

/** Three digits, for ratios and for times. */
export const shortened = (value: number): string =>
  value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toPrecision(2)

export const time = (micros: number): string =>
  micros >= 1_000 ? `${shortened(micros / 1_000)} ms` : `${shortened(micros)} µs`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n")

const between = ({ low, high }: Spread, shown: (value: number) => string): string => `${shown(low)} – ${shown(high)}`

/** Fewer rounds have no quartiles to speak of. */
const leastRounds = 4

/** Times are shown to give an idea; only the ratios, of runs in turns, are compared. */
export const comparisonTable = ({ title, measured }: Comparison): string => {
  const hasHeap = measured.some(({ heapMiB }) => heapMiB !== undefined)
  const heap = ({ heapMiB }: Measured) => (hasHeap ? [heapMiB === undefined ? "" : `${shortened(heapMiB)} MiB`] : [])
  const rows = measured.map((row) => {
    const ratio = ratioOf(row, measured[0] ?? row)
    const enough = row.slices.length >= leastRounds
    return [
      row.name,
      time(row.micros.median),
      enough ? between(row.micros, time) : "",
      `${shortened(ratio.median)}×`,
      enough ? between(ratio, shortened) : "",
      ...heap(row),
    ]
  })
  const head = [
    "",
    "median",
    "quartiles",
    "time, first row = 1",
    "quartiles of the rounds",
    ...(hasHeap ? ["heap"] : []),
  ]
  return `### ${title}\n\n${table(head, rows)}`
}

const measuredOn = ({ date, mode }: Run): string => (mode === "quick" ? `${date}, quick` : date)

/** All goals of all runs, each with the day of its own run. */
export const goalTable = ({ runs }: Results): string =>
  table(
    ["", "goal", "measured", "quartiles of the rounds", "", "on"],
    runs.flatMap((run) => run.goals.map((one) => [...goalCells(one, run), measuredOn(run)])),
  )

export const hasGoals = ({ runs }: Results): boolean => runs.some(({ goals }) => goals.length > 0)

/** A quick run gives no verdict: it has too few rounds. */
const goalCells = (one: Goal, { mode }: Run): readonly string[] => [
  one.what,
  `${one.kind === "time" ? "≤" : "≥"} ${one.goal}× the ${one.kind}`,
  `${shortened(one.ratio.median)}×`,
  ...(mode === "quick" ? ["", ""] : [between(one.ratio, shortened), isMet(one) ? "met" : "missed"]),
]

const headings: Readonly<Record<(typeof features)[number], string>> = {
  envelope: "envelope",
  binding: "context binding",
  commitment: "key commitment",
  atomicity: "atomicity",
  audit: "audit",
  permissions: "permissions",
}

export const includesTable = (rows: Readonly<Record<string, Includes>>): string =>
  table(
    ["", ...features.map((feature) => headings[feature])],
    Object.entries(rows).map(([name, has]) => [name, ...features.map((feature) => has[feature])]),
  )

/** One line for all suites that were run on one day on one machine in one mode. */
export const runLines = ({ runs }: Results): readonly string[] => {
  const suites = new Map<string, string[]>()
  for (const { suite, date, machine, mode, leftOut } of runs) {
    if (leftOut !== undefined) continue
    const where = `${date}, ${machine}, ${mode} run`
    suites.set(where, [...(suites.get(where) ?? []), suite])
  }
  return [...suites].map(([where, names]) => `- ${names.join(", ")}: ${where}`)
}

/** Of these suites, those that have no figures, or none of their last run. */
export const leftOutLines = ({ runs }: Results, suites: readonly Suite[] = suiteNames): readonly string[] =>
  suites.flatMap((name) => {
    const run = runs.find(({ suite }) => suite === name)
    if (run === undefined) return [`- ${name}: has not been run`]
    if (run.leftOut !== undefined) return [`- ${name}: ${run.leftOut}`]
    const { notSince, date } = run
    return notSince === undefined ? [] : [`- ${name}, on ${notSince.date}: ${notSince.why}; its figures are of ${date}`]
  })

const section = (run: Run): readonly string[] =>
  run.leftOut === undefined
    ? [
        `## ${run.suite}`,
        `${run.date}, ${run.machine}, ${run.mode} run.`,
        ...(run.includes === undefined ? [] : [includesText, includesTable(run.includes)]),
        ...run.comparisons.map(comparisonTable),
      ]
    : []

export const includesText =
  "What each row includes; `offered`: the library can do it, the row does not use it. Only Strongroom keeps what it encrypts."

/** `bench/results.md`. */
export const report = (results: Results, suites: readonly Suite[] = suiteNames): string => {
  const out = leftOutLines(results, suites)
  return `${[
    "# Benchmark",
    "Medians of rounds in turns; times are never compared across runs. What each figure is: [README.md](README.md).",
    runLines(results).join("\n"),
    ...(hasGoals(results) ? ["## Goals", goalTable(results)] : []),
    ...(out.length > 0 ? ["## Left out, and why", out.join("\n")] : []),
    ...results.runs.flatMap(section),
  ].join("\n\n")}\n`
}
