import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { type Contestant, interleave, measuredOf, ratioOf, spreadOf, takeTurns } from "../bench/src/interleave.ts"
import { costs, costsIn, withCosts } from "../bench/src/readme.ts"
import { comparisonTable, report } from "../bench/src/report.ts"
import {
  type Comparison,
  type Goal,
  goal,
  type Includes,
  isMet,
  leftOut,
  merge,
  type Results,
  type Run,
  ratioIn,
  type Suite,
  sum,
} from "../bench/src/result.ts"
import { barChart, picture } from "../bench/src/svg.ts"
import { root } from "./run.ts"

const textIn = (path: string): string => readFileSync(join(root, path), "utf8")

const micros = fc.double({ min: 0.01, max: 1e7, noNaN: true })
/** So many rounds that the quartiles are slices themselves. */
const rounds = fc.integer({ min: 0, max: 6 }).map((quarter) => 4 * quarter + 1)
const slicesOf = (count: number) => fc.array(micros, { minLength: count, maxLength: count })
const rivals = rounds.chain((count) => fc.tuple(slicesOf(count), slicesOf(count), slicesOf(count)))

const closeTo = (value: number, expected: number) => expect(value / expected).toBeCloseTo(1, 9)

describe("quantiles", () => {
  test("are those of the sorted slices, between two of them by interpolation", () => {
    expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ median: 3, low: 2, high: 4 })
    expect(spreadOf([10, 2, 1, 3])).toEqual({ median: 2.5, low: 1.75, high: 4.75 })
    expect(spreadOf([7])).toEqual({ median: 7, low: 7, high: 7 })
  })

  test("lie in order between the least and the greatest, whatever the order of the slices", () => {
    fc.assert(
      fc.property(fc.array(micros, { minLength: 1, maxLength: 30 }), (slices) => {
        const { median, low, high } = spreadOf(slices)
        const inOrder = [Math.min(...slices), low, median, high, Math.max(...slices)]
        for (const [index, value] of inOrder.slice(1).entries()) {
          expect(value).toBeGreaterThanOrEqual((inOrder[index] ?? Number.NaN) * (1 - 1e-12))
        }
        expect(spreadOf(slices.toReversed())).toEqual({ median, low, high })
      }),
    )
  })
})

describe("ratios", () => {
  const comparison = (ours: readonly number[], theirs: readonly number[]): Comparison => ({
    id: "made-up",
    title: "Made up",
    measured: [measuredOf("ours", ours), measuredOf("theirs", theirs)],
  })

  test("of anything against itself are 1", () => {
    fc.assert(
      fc.property(rivals, ([slices]) => {
        const one = measuredOf("one", slices)
        expect(ratioOf(one, one)).toEqual({ median: 1, low: 1, high: 1 })
      }),
    )
  })

  test("of speeds are the inverses of those of times", () => {
    fc.assert(
      fc.property(rivals, ([ours, theirs]) => {
        const time = ratioIn(comparison(ours, theirs), "time", "ours", "theirs")
        const speed = ratioIn(comparison(ours, theirs), "speed", "ours", "theirs")
        closeTo(speed.median, 1 / time.median)
        closeTo(speed.low, 1 / time.high)
        closeTo(speed.high, 1 / time.low)
      }),
    )
  })

  test("are of the medians, and their quartiles do not see what slows all rivals of a round", () => {
    fc.assert(
      fc.property(rivals, ([ours, theirs, slowness]) => {
        const slowed = (slices: readonly number[]) => slices.map((slice, round) => slice * (slowness[round] ?? 1))
        const calm = ratioOf(measuredOf("ours", ours), measuredOf("theirs", theirs))
        const busy = ratioOf(measuredOf("ours", slowed(ours)), measuredOf("theirs", slowed(theirs)))
        closeTo(calm.median, spreadOf(ours).median / spreadOf(theirs).median)
        closeTo(busy.low, calm.low)
        closeTo(busy.high, calm.high)
      }),
    )
  })

  test("need rows that are there", () => {
    expect(() => ratioIn(comparison([1], [2]), "time", "ours", "nobody")).toThrow('made-up has no row "nobody"')
  })

  test("two operations are added slice by slice", () => {
    const both = sum("both", measuredOf("create", [3, 1, 2]), measuredOf("read", [10, 30, 20]))
    expect(both).toEqual({ name: "both", slices: [13, 31, 22], micros: { median: 22, low: 17.5, high: 26.5 } })
  })
})

describe("turns", () => {
  let now = 0n
  beforeEach(() => {
    now = 0n
    vi.spyOn(process.hrtime, "bigint").mockImplementation(() => now)
  })
  afterEach(() => vi.restoreAllMocks())

  /** Takes so many microseconds an operation, of a clock that nothing else moves. */
  const contestant = (name: string, operationMicros: number, log: string[], options: Partial<Contestant> = {}) => ({
    name,
    run: (operations: number) => {
      log.push(`${name}${operations}`)
      now += BigInt(operations * operationMicros) * 1_000n
    },
    ...options,
  })

  test("each begins a round as often as any other", async () => {
    const order: string[] = []
    const slices = await takeTurns(["A", "B", "C"], 4, async (name) => order.push(name))
    expect(order.join("")).toBe("ABCBCACABABC")
    expect(slices).toEqual([
      [1, 6, 8, 10],
      [2, 4, 9, 11],
      [3, 5, 7, 12],
    ])
  })

  test("slices last about as long as asked, and give the time of one operation", async () => {
    const log: string[] = []
    const rivals = [contestant("A", 50, log), contestant("B", 400, log)]
    const measured = await interleave(rivals, { rounds: 3, sliceMs: 100, warmUpMs: 0 })
    expect(log.slice(-6)).toEqual(["A2000", "B250", "B250", "A2000", "A2000", "B250"])
    expect(measured).toEqual([measuredOf("A", [50, 50, 50]), measuredOf("B", [400, 400, 400])])
  })

  test("runs as long as asked, or as often as is enough, before the first slice", async () => {
    const warmUp = async (micros: number) => {
      const log: string[] = []
      await interleave([contestant("A", micros, log)], { rounds: 1, sliceMs: 100, warmUpMs: 3_000 })
      return log.slice(0, -1).reduce((sum, run) => sum + Number(run.slice(1)), 0)
    }
    const [slow, fast] = [await warmUp(1_000), await warmUp(10)]
    expect(slow).toBeGreaterThanOrEqual(3_000)
    expect(slow).toBeLessThan(3_200)
    expect(fast).toBeGreaterThanOrEqual(20_000)
    expect(fast).toBeLessThan(40_000)
  })

  test("operations that come in batches are counted one by one", async () => {
    const log: string[] = []
    const [batched] = await interleave([contestant("A", 30, log, { each: 100 })], {
      rounds: 2,
      sliceMs: 10,
      warmUpMs: 0,
    })
    expect(log.slice(-2)).toEqual(["A300", "A300"])
    expect(batched?.micros.median).toBe(30)
  })

  test("who says how often is not asked more often, but for one slice to warm up", async () => {
    const log: string[] = []
    await interleave([contestant("A", 1, log, { operations: 7 })], { rounds: 2, sliceMs: 1_000, warmUpMs: 0 })
    expect(log).toEqual(["A7", "A7", "A7"])
  })
})

const rows: Comparison = {
  id: "create-read-1024",
  title: "Create & read, <1 KiB>",
  measured: [measuredOf("Strongroom", [20, 30, 40]), measuredOf("a | b", [2, 3, 4_000]), measuredOf("c", [60, 50, 70])],
}

const runOf = (suite: Suite, more: Partial<Run> = {}): Run => ({
  suite,
  date: "2026-01-01",
  machine: "a machine",
  mode: "full",
  comparisons: [{ ...rows, id: suite === "crypto" ? rows.id : suite, title: `All of ${suite}` }],
  goals: [goal(`${suite} against c`, "speed", 1.5, rows, "Strongroom", "c")],
  ...more,
})

describe("goals", () => {
  const met = (kind: Goal["kind"], aim: number, ours: number, theirs: number) => {
    const measured = [measuredOf("ours", [ours]), measuredOf("theirs", [theirs])]
    return isMet(goal("made up", kind, aim, { id: "x", title: "X", measured }, "ours", "theirs"))
  }

  test.each([
    ["time", 2, 199, 100, true],
    ["time", 2, 200, 100, true],
    ["time", 2, 201, 100, false],
    ["speed", 2, 100, 201, true],
    ["speed", 2, 100, 200, true],
    ["speed", 2, 100, 199, false],
    ["speed", 0.5, 100, 51, true],
    ["speed", 0.5, 100, 49, false],
  ] as const)("of %s, %d times: ours %d, theirs %d, met: %s", (kind, aim, ours, theirs, expected) => {
    expect(met(kind, aim, ours, theirs)).toBe(expected)
  })

  test("are told with their comparison, their rows and the day of their run", () => {
    const one = goal("faster than c", "speed", 1.5, rows, "Strongroom", "c")
    expect(one).toMatchObject({ comparison: rows.id, ours: "Strongroom", theirs: "c", ratio: { median: 2 } })
    const old = runOf("http", { goals: [{ ...one, goal: 3 }], date: "2025-05-05" })
    const text = report({ runs: [runOf("crypto", { goals: [one] }), old] })
    expect(text).toContain("| faster than c | ≥ 1.5× the speed | 2.00× | 1.71 – 2.38 | met | 2026-01-01 |")
    expect(text).toContain("| faster than c | ≥ 3× the speed | 2.00× | 1.71 – 2.38 | missed | 2025-05-05 |")
  })

  test("of a quick run have no verdict, and no quartiles of so few rounds", () => {
    const text = report({ runs: [runOf("crypto", { mode: "quick" })] })
    expect(text).toContain("| crypto against c | ≥ 1.5× the speed | 2.00× |  |  | 2026-01-01, quick |")
  })
})

describe("a run of some suites", () => {
  const before: Results = { runs: [runOf("crypto"), runOf("redis"), runOf("growth")] }
  const laterRedis = runOf("redis", { date: "2026-02-02", machine: "another" })

  test("replaces these whole and leaves the others their date and machine", () => {
    expect(merge(before, [laterRedis]).runs).toEqual([runOf("crypto"), laterRedis, runOf("growth")])
    const text = report(merge(before, [laterRedis]))
    expect(text).toContain("- crypto, growth: 2026-01-01, a machine, full run\n- redis: 2026-02-02, another, full run")
    expect(text).toContain("## redis\n\n2026-02-02, another, full run.\n\n### All of redis")
    expect(text).toContain("## growth\n\n2026-01-01, a machine, full run.\n\n### All of growth")
  })

  test("keeps the order of the report, whatever was run first", () => {
    const suites = merge({ runs: [runOf("growth")] }, [runOf("http"), runOf("crypto")]).runs.map(({ suite }) => suite)
    expect(suites).toEqual(["crypto", "http", "growth"])
  })

  const without = (why: string) => runOf("redis", { ...leftOut(why), date: "2026-03-03" })

  test("that was left out takes no figures away, and says why they are older", () => {
    const merged = merge(before, [without("no server")])
    expect(report(merged)).toContain("- redis, on 2026-03-03: no server; its figures are of 2026-01-01\n")
    expect(report(merged)).toContain("## redis\n\n2026-01-01, a machine, full run.\n\n### All of redis")
    expect(report(merge(merged, [without("no port")]))).toContain("- redis, on 2026-03-03: no port; its figures")
    expect(merge(merged, [laterRedis]).runs).toEqual([runOf("crypto"), laterRedis, runOf("growth")])
  })

  test("that was never measured says why, of its last run", () => {
    const first = merge({ runs: [] }, [without("no server")])
    expect(first.runs).toEqual([without("no server")])
    expect(report(first)).toContain(
      "## Left out, and why\n\n- crypto: has not been run\n- embedded: has not been run\n- redis: no server\n",
    )
    expect(report(first)).not.toContain("2026-03-03")
    expect(merge(first, [without("no port")]).runs).toEqual([without("no port")])
    expect(merge(first, [laterRedis]).runs).toEqual([laterRedis])
  })
})

describe("tables", () => {
  test("show times, and their ratios to the first row, round by round", () => {
    const measured = [measuredOf("Strongroom", [20, 30, 40, 50, 60]), measuredOf("a | b", [40, 90, 40, 100, 6])]
    expect(comparisonTable({ ...rows, measured })).toBe(
      [
        "### Create & read, <1 KiB>",
        "",
        "|  | median | quartiles | time, first row = 1 | quartiles of the rounds |",
        "| --- | --- | --- | --- | --- |",
        "| Strongroom | 40.0 µs | 30.0 µs – 50.0 µs | 1.00× | 1.00 – 1.00 |",
        "| a \\| b | 40.0 µs | 40.0 µs – 90.0 µs | 1.00× | 1.00 – 2.00 |",
      ].join("\n"),
    )
  })

  test("show no quartiles of fewer than four rounds", () => {
    expect(comparisonTable(rows)).toContain("| c | 60.0 µs |  | 2.00× |  |")
  })

  test("show the heap where it was measured", () => {
    const grown = { ...measuredOf("at 1,000", [10]), heapMiB: 31.44 }
    expect(comparisonTable({ id: "x", title: "X", measured: [grown] })).toContain("| 1.00× |  | 31.4 MiB |")
  })

  test("say of each row what it includes", () => {
    const has: Includes = {
      envelope: "a data key",
      binding: "yes",
      commitment: "by id",
      atomicity: "all or none",
      audit: "of creates",
      permissions: "no",
    }
    const text = report({ runs: [runOf("crypto", { includes: { Strongroom: has } })] })
    expect(text).toContain("|  | envelope | context binding | key commitment | atomicity | audit | permissions |")
    expect(text).toContain("| Strongroom | a data key | yes | by id | all or none | of creates | no |")
  })
})

describe("the picture", () => {
  /** Tags that close in order, and no bare `<` or `&`: enough of XML for what is drawn here. */
  const assertWellFormed = (svg: string) => {
    const open: string[] = []
    let rest = svg
    while (rest.trim() !== "") {
      const [all = "", text = "", close, name = "", end = ""] =
        /^([^<]*)<(\/)?([a-z]+)((?: [a-zA-Z-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*\/?)>/.exec(rest) ?? []
      if (all === "") throw new Error(`not well-formed from here: ${rest.slice(0, 80)}`)
      expect(text.replaceAll(/&(?:amp|lt|gt|quot);/g, "")).not.toContain("&")
      if (close !== undefined) expect(open.pop()).toBe(name)
      else if (!end.endsWith("/")) open.push(name)
      rest = rest.slice(all.length)
    }
    expect(open).toEqual([])
  }

  test("has one bar a row, the first in a colour of its own, longer for longer times", () => {
    const svg = barChart(rows, "a note")
    assertWellFormed(svg)
    const bars = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"[^>]*fill="(#\w+)"/g)]
    const lengths = bars.map(([, length]) => Number(length))
    expect(lengths).toHaveLength(3)
    expect(lengths.indexOf(Math.max(...lengths))).toBe(2)
    expect(lengths.indexOf(Math.min(...lengths))).toBe(1)
    expect(new Set(bars.slice(1).map(([, , fill]) => fill))).not.toContain(bars[0]?.[2])
    expect(svg).toContain("Create &amp; read, &lt;1 KiB&gt;")
  })

  test("tells each row's ratio to the first, with whiskers for the quartiles of the rounds", () => {
    const measured = [measuredOf("ours", [1, 1, 1, 1, 1]), measuredOf("theirs", [10, 5, 20, 10, 80])]
    const svg = barChart({ ...rows, measured }, "a note")
    expect([...svg.matchAll(/>([\d.]+×)</g)].map(([, ratio]) => ratio)).toEqual(["1.00×", "10.0×"])
    const number = "([\\d.]+)"
    const [, left, width] = new RegExp(`.*<rect x="${number}"[^>]* width="${number}"`, "s").exec(svg) ?? []
    const [, from, to] = new RegExp(`.*<path d="M${number} \\d+H${number}`, "s").exec(svg) ?? []
    // From 0.5 to 20: the bar ends at 10, where the lower quartile is; the upper one is 20.
    const end = Number(left) + Number(width)
    expect(Number(from)).toBeCloseTo(end, 0)
    expect((Number(to) - end) / Number(width)).toBeCloseTo(Math.log(20 / 10) / Math.log(10 / 0.5), 2)
  })

  test("is well-formed whatever the rows are called and however many there are", () => {
    const row = fc.tuple(fc.string(), micros).map(([name, time]) => measuredOf(name, [time]))
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.array(row, { minLength: 1, maxLength: 12 }), (title, note, measured) => {
        const svg = barChart({ id: "x", title, measured }, note)
        assertWellFormed(svg)
        expect(svg.match(/<rect /g)).toHaveLength(measured.length)
        expect(svg).not.toMatch(/="(?:NaN|-?Infinity|-\d)/)
      }),
    )
  })

  test("is of the comparison with the libraries, with the day of its own run", () => {
    expect(picture({ runs: [runOf("http")] })).toBeUndefined()
    const runs = [runOf("crypto"), runOf("http", { date: "2030-01-01" })]
    expect(picture({ runs })).toContain(">2026-01-01, a machine<")
  })
})

describe("what the README says", () => {
  const readme = textIn("README.md")
  const measured = existsSync(join(root, "bench/results.json"))
  const results: Results = measured ? JSON.parse(textIn("bench/results.json")) : { runs: [] }

  test("of costs is what bench/results.json holds, or that nothing was measured", () => {
    expect(costsIn(readme)).toBe(costs(results))
    expect(costsIn(readme).includes("Not measured yet")).toBe(!measured)
  })

  test("is in bench/results.md and bench/results.svg too", () => {
    const written = (path: string) => (existsSync(join(root, path)) ? textIn(path) : undefined)
    expect(written("bench/results.md")).toBe(measured ? report(results) : undefined)
    expect(written("bench/results.svg")).toBe(picture(results))
  })

  test("follows from the slices", () => {
    for (const { comparisons, goals } of [...results.runs, runOf("crypto")]) {
      for (const { slices, micros } of comparisons.flatMap((one) => one.measured)) {
        expect(micros).toEqual(spreadOf(slices))
      }
      for (const one of goals) {
        const comparison = comparisons.find(({ id }) => id === one.comparison)
        expect(comparison && ratioIn(comparison, one.kind, one.ours, one.theirs)).toEqual(one.ratio)
      }
    }
  })

  test("is replaced between the two comments and nowhere else", () => {
    const results = { runs: [runOf("crypto", { includes: {} })] }
    const once = withCosts(readme, results)
    expect(costsIn(once)).toBe(costs(results))
    expect(costs(results)).toContain("| crypto against c |")
    expect(costs(results)).toContain("](bench/results.svg)")
    const [before, after] = readme.split(costsIn(readme))
    expect(once).toBe(`${before}${costs(results)}${after}`)
    expect(withCosts(once, results)).toBe(once)
    expect(() => withCosts("# Nothing here", results)).toThrow("no place")
  })
})
