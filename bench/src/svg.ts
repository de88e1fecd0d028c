import { time } from "./report.ts"
import type { Comparison, Results } from "./result.ts"

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const [width, left, row, top] = [760, 330, 26, 46]

/** Horizontal bars on a logarithmic scale, the first row (ours) in colour; legible on light and dark backgrounds. */
export const barChart = ({ title, measured }: Comparison, note: string): string => {
  const times = measured.map(({ micros }) => micros.median)
  const [low, high] = [Math.log10(Math.min(...times) / 2), Math.log10(Math.max(...times))]
  const length = (micros: number) => ((Math.log10(micros) - low) / (high - low)) * (width - left - 90)
  const bars = measured.map(({ name, micros }, index) => {
    const y = top + index * row
    const fill = index === 0 ? "#2f6fde" : "#8a94a6"
    const bar = length(micros.median)
    return `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escaped(name)}</text><rect x="${left}" y="${y}" width="${bar.toFixed(1)}" height="18" rx="2" fill="${fill}"/><text x="${(left + bar + 6).toFixed(1)}" y="${y + 14}">${time(micros.median)}</text>`
  })
  const height = top + measured.length * row + 28
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>text{font:12px system-ui,sans-serif;fill:#57606a}@media(prefers-color-scheme:dark){text{fill:#adbac7}}</style>
<text x="8" y="22" style="font-size:15px;font-weight:600">${escaped(title)}</text>
${bars.join("\n")}
<text x="8" y="${height - 8}">${escaped(`Time on a logarithmic scale, less is better. ${note}`)}</text>
</svg>
`
}

/** The picture in the README; `undefined` until the comparison has been run. */
export const picture = ({ runs }: Results): string | undefined => {
  for (const { comparisons, date, machine, mode } of runs) {
    const shown = comparisons.find(({ id }) => id === "create-read-1024")
    if (shown !== undefined) return barChart(shown, `${date}, ${machine}, ${mode} run`)
  }
  return undefined
}
