import { goalTable, hasGoals, includesTable, includesText, leftOutLines, runLines } from "./report.ts"
import type { Results } from "./result.ts"
import { picture } from "./svg.ts"

const [begin, end] = [
  "<!-- Written by the benchmark from bench/results.json. -->",
  "<!-- End of what the benchmark writes. -->",
]

const split = (readme: string): readonly [string, string, string] => {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from === -1 || to < from) throw new Error("the README has no place for the benchmark's figures")
  return [readme.slice(0, from + begin.length), readme.slice(from + begin.length, to), readme.slice(to)]
}

const alt = "Create and read one secret of 1 KiB in process, beside libraries that only encrypt"

/** What stands between the two comments. */
export const costsIn = (readme: string): string => split(readme)[1]

export const withCosts = (readme: string, results: Results): string => {
  const [before, , after] = split(readme)
  return `${before}${costs(results)}${after}`
}

/** The README's section "What it costs", without its heading. */
export const costs = (results: Results): string => {
  if (!hasGoals(results)) return "\n\nNot measured yet: `npm run bench` measures it and fills this in.\n\n"
  const includes = results.runs.find((run) => run.includes !== undefined)?.includes
  const out = leftOutLines(results)
  return `\n\n${[
    ...(picture(results) === undefined ? [] : [`![${alt}](bench/results.svg)`]),
    "Every figure is a ratio of medians of rivals that ran in turns on one machine (A B A B …). The libraries beside Strongroom in the picture only encrypt: they store nothing, check nobody's permission and keep no audit log.",
    goalTable(results),
    ...(includes === undefined ? [] : [includesText, includesTable(includes)]),
    ["Measured:", "", ...runLines(results)].join("\n"),
    ...(out.length === 0 ? [] : [["Left out:", "", ...out].join("\n")]),
    "All comparisons: [bench/results.md](bench/results.md). How to run them and what each figure is: [bench/README.md](bench/README.md).",
  ].join("\n\n")}\n\n`
}
