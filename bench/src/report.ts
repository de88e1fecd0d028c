import { type Comparison, type Goal, isMet } from "./result.ts"

const shortened = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const time = (micros: number): string =>
  micros >= 1_000 ? `${shortened(micros / 1_000)} ms` : `${shortened(micros)} µs`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

/** Times are shown to give an idea; only the ratios, of runs in turns, are compared. */
export const comparisonTable = ({ title, measured }: Comparison): string => {
  const [ours] = measured
  const rows = measured.map(({ name, micros }) => [
    name,
    time(micros.median),
    `${time(micros.low)} – ${time(micros.high)}`,
    ours === undefined ? "" : `${shortened(micros.median / ours.micros.median)}×`,
  ])
  return `### ${title}\n\n${table(["", "median", "quartiles", "time, first row = 1"], rows)}`
}

export const goalTable = (goals: readonly Goal[]): string =>
  table(
    ["goal", "aim", "measured", "quartiles", ""],
    goals.map((one) => [
      one.what,
      `${one.kind === "time" ? "≤" : "≥"} ${one.goal}×`,
      `${shortened(one.ratio.median)}×`,
      `${shortened(one.ratio.low)} – ${shortened(one.ratio.high)}`,
      isMet(one) ? "met" : "missed",
    ]),
  )
