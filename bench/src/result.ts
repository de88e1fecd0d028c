import type { Measured, Spread } from "./interleave.ts"
import { ratioOf } from "./interleave.ts"

/** One table: rivals measured in turns. */
export interface Comparison {
  readonly id: string
  readonly title: string
  readonly measured: readonly Measured[]
}

/** What is aimed at, as a ratio of times between two rows of one comparison (or of speeds, its inverse). */
export interface Goal {
  readonly id: string
  readonly what: string
  /** `time` ≤ goal: ours takes at most so many times as long. `speed` ≥ goal: ours is at least so many times as fast. */
  readonly kind: "time" | "speed"
  readonly goal: number
  readonly ratio: Spread
}

const find = (comparison: Comparison, name: string): Measured => {
  const found = comparison.measured.find((row) => row.name === name)
  if (found === undefined) throw new Error(`${comparison.id} has no row "${name}"`)
  return found
}

export const goal = (
  what: string,
  kind: Goal["kind"],
  aim: number,
  comparison: Comparison,
  ours: string,
  theirs: string,
): Goal => {
  const [subject, base] = [find(comparison, ours), find(comparison, theirs)]
  const ratio = kind === "time" ? ratioOf(subject, base) : ratioOf(base, subject)
  return { id: comparison.id, what, kind, goal: aim, ratio }
}

export const isMet = ({ kind, goal: aim, ratio }: Goal): boolean =>
  kind === "time" ? ratio.median <= aim : ratio.median >= aim

/** The sum of two operations (create and read), slice by slice. */
export const sum = (name: string, left: Measured, right: Measured): Measured => {
  const slices = left.slices.map((value, index) => value + (right.slices[index] ?? Number.NaN))
  const add = (key: keyof Spread) => left.micros[key] + right.micros[key]
  return { name, slices, micros: { median: add("median"), low: add("low"), high: add("high") } }
}

export interface SuiteResult {
  readonly comparisons: readonly Comparison[]
  readonly goals: readonly Goal[]
}
