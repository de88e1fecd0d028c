import { ratioOf } from "./interleave.ts"
import { shortened } from "./report.ts"
import type { Comparison, Results } from "./result.ts"

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const [width, left, row, top] = [760, 330, 26, 46]

/**
 * Horizontal bars of the time against the first row (ours, in colour), on a logarithmic scale, with whiskers for the
 * quartiles of the rounds; legible on light and dark backgrounds.
 */
export const barChart = ({ title, measured }: Comparison, note: string): string => {
  const ratios = measured.map((one) => ratioOf(one, measured[0] ?? one))
  const [low, high] = [
    Math.log10(Math.min(...ratios.flatMap((ratio) => [ratio.low, ratio.median])) / 2),
    Math.log10(Math.max(...ratios.flatMap((ratio) => [ratio.high, ratio.median]))),
  ]
  const at = (ratio: number) => left + ((Math.log10(ratio) - low) / (high - low)) * (width - left - 70)
  const bars = measured.map(({ name }, index) => {
    const ratio = ratios[index] ?? { median: 1, low: 1, high: 1 }
    const y = top + index * row
    const fill = index === 0 ? "#2f6fde" : "#8a94a6"
    const [end, from, to] = [at(ratio.median), at(ratio.low), at(ratio.high)]
    return [
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${left}" y="${y}" width="${(end - left).toFixed(1)}" height="18" rx="2" fill="${fill}"/>`,
      `<path d="M${from.toFixed(1)} ${y + 9}H${to.toFixed(1)}M${from.toFixed(1)} ${y + 5}v8M${to.toFixed(1)} ${y + 5}v8"/>`,
      `<text x="${(Math.max(end, to) + 6).toFixed(1)}" y="${y + 14}">${shortened(ratio.median)}×</text>`,
    ].join("")
  })
  const height = top + measured.length * row + 46
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>text{font:12px system-ui,sans-serif;fill:#57606a}path{fill:none;stroke:#24292f}@media(prefers-color-scheme:dark){text{fill:#adbac7}path{stroke:#f0f3f6}}</style>
<text x="8" y="22" style="font-size:15px;font-weight:600">${escaped(title)}</text>
${bars.join("\n")}
<text x="8" y="${height - 26}">Time against the first row on a logarithmic scale, less is better; whiskers: quartiles of the rounds</text>
<text x="8" y="${height - 8}">${escaped(note)}</text>
</svg>
`
}

/** The picture in the README; `undefined` until the comparison has been run. */
export const picture = ({ runs }: Results): string | undefined => {
  for (const { comparisons, date, machine } of runs) {
    const shown = comparisons.find(({ id }) => id === "create-read-1024")
    if (shown !== undefined) return barChart(shown, `${date}, ${machine}`)
  }
  return undefined
}
