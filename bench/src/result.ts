import { type Measured, measuredOf, ratioOf, type Spread } from "./interleave.ts"

/** One table: rivals measured in turns. The first row is ours. */
export interface Comparison {
  readonly id: string
  readonly title: string
  readonly measured: readonly Measured[]
}

/** What is aimed at, as a ratio of times between two rows of one comparison (or of speeds, its inverse). */
export interface Goal {
  readonly what: string
  /** `time` ≤ goal: ours takes at most so many times as long. `speed` ≥ goal: ours is at least so many times as fast. */
  readonly kind: "time" | "speed"
  readonly goal: number
  /** The comparison's id, and the names of the two rows. */
  readonly comparison: string
  readonly ours: string
  readonly theirs: string
  readonly ratio: Spread
}

/** What a row of the crypto comparison does besides encrypting. `offered`: the library can, the row does not use it. */
export const features = ["envelope", "binding", "commitment", "atomicity", "audit", "permissions"] as const
export type Includes = Readonly<Record<(typeof features)[number], string>>

export interface SuiteResult {
  readonly comparisons: readonly Comparison[]
  readonly goals: readonly Goal[]
  /** By the names of the rows. */
  readonly includes?: Readonly<Record<string, Includes>>
  /** Why there is nothing to show. */
  readonly leftOut?: string
}

/** A suite as it was last run. */
export interface Run extends SuiteResult {
  readonly suite: Suite
  readonly date: string
  readonly machine: string
  /** A quick run tells the order of magnitude, a full one the ratio. */
  readonly mode: "quick" | "full"
  /** That a later run was left out, and why: the figures are older. */
  readonly notSince?: { readonly date: string; readonly why: string }
}

export interface Results {
  readonly runs: readonly Run[]
}

/** In the order of the report. */
export const suiteNames = ["crypto", "embedded", "redis", "mongodb", "http", "growth"] as const
export type Suite = (typeof suiteNames)[number]

export const leftOut = (why: string): SuiteResult => ({ comparisons: [], goals: [], leftOut: why })

const find = (comparison: Comparison, name: string): Measured => {
  const found = comparison.measured.find((row) => row.name === name)
  if (found === undefined) throw new Error(`${comparison.id} has no row "${name}"`)
  return found
}

/** Ours against theirs, as a ratio of times or of speeds. */
export const ratioIn = (comparison: Comparison, kind: Goal["kind"], ours: string, theirs: string): Spread => {
  const [subject, base] = [find(comparison, ours), find(comparison, theirs)]
  return kind === "time" ? ratioOf(subject, base) : ratioOf(base, subject)
}

export const goal = (
  what: string,
  kind: Goal["kind"],
  aim: number,
  comparison: Comparison,
  ours: string,
  theirs: string,
): Goal => {
  const ratio = ratioIn(comparison, kind, ours, theirs)
  return { what, kind, goal: aim, comparison: comparison.id, ours, theirs, ratio }
}

export const isMet = ({ kind, goal: aim, ratio }: Goal): boolean =>
  kind === "time" ? ratio.median <= aim : ratio.median >= aim

/** The sum of two operations (create and read), slice by slice. */
export const sum = (name: string, left: Measured, right: Measured): Measured =>
  measuredOf(
    name,
    left.slices.map((value, index) => value + (right.slices[index] ?? Number.NaN)),
  )

/** Of each suite its latest run, whole. One that was left out takes away no figures, and is noted beside them. */
export const merge = (before: Results, latest: readonly Run[]): Results => ({
  runs: suiteNames.flatMap((name) => {
    const old = before.runs.find(({ suite }) => suite === name)
    const now = latest.find(({ suite }) => suite === name)
    if (now?.leftOut === undefined || old === undefined || old.leftOut !== undefined) return now ?? old ?? []
    return { ...old, notSince: { date: now.date, why: now.leftOut } }
  }),
})
