/** Measures rivals in turns (A B A B …), so that whatever slows the machine slows all of them. */

export interface Contestant {
  readonly name: string
  /** Does the operation this many times, one after the other or at once, as the comparison is about. */
  readonly run: (operations: number) => Promise<void> | void
  /** Operations come in multiples of this. Default: 1. */
  readonly each?: number
  /** How many operations are a slice, and one run while warming up. Default: as many as fill the time. */
  readonly operations?: number
}

export interface Spread {
  readonly median: number
  /** The quartiles. */
  readonly low: number
  readonly high: number
}

export interface Measured {
  readonly name: string
  /** Microseconds an operation: the median of the slices, and their quartiles. Never compared across runs. */
  readonly micros: Spread
  /** Of each round, in order. */
  readonly slices: readonly number[]
  /** Of the process that serves it, after a collection; where the comparison is about memory. */
  readonly heapMiB?: number
}

export interface Pace {
  readonly rounds: number
  /** About how long one contestant runs before the next has its turn. */
  readonly sliceMs: number
  /** How long one contestant runs at most before the first slice is timed, but for a last run. */
  readonly warmUpMs: number
}

const quantile = (sorted: readonly number[], at: number): number => {
  const place = (sorted.length - 1) * at
  const [low, high] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN]
  return low + (high - low) * (place - Math.floor(place))
}

/** Quantiles by linear interpolation (type 7 of Hyndman and Fan, 1996). */
export const spreadOf = (values: readonly number[]): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) }
}

export const measuredOf = (name: string, slices: readonly number[]): Measured => ({
  name,
  micros: spreadOf(slices),
  slices,
})

/** What each contestant measures in its turn, round by round. The next one begins the next round. */
export const takeTurns = async <C>(
  contestants: readonly C[],
  rounds: number,
  measure: (contestant: C) => Promise<number>,
): Promise<readonly (readonly number[])[]> => {
  const entries = contestants.map((contestant) => ({ contestant, slices: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    const first = round % entries.length
    for (const { contestant, slices } of [...entries.slice(first), ...entries.slice(0, first)]) {
      slices.push(await measure(contestant))
    }
  }
  return entries.map(({ slices }) => slices)
}

const timed = async ({ run }: Contestant, operations: number): Promise<number> => {
  const start = process.hrtime.bigint()
  await run(operations)
  return Number(process.hrtime.bigint() - start) / 1e6
}

/** By then V8 has optimised whatever it will: an engine's create gets faster up to its ten thousandth call. */
const warmUpOperations = 20_000

/** Warms up, and tells how many operations fill a slice. */
const calibrate = async (contestant: Contestant, { sliceMs, warmUpMs }: Pace): Promise<number> => {
  const { each = 1, operations } = contestant
  let times = 1
  let [passed, done] = [0, 0]
  while (operations !== undefined) {
    passed += await timed(contestant, operations)
    done += operations
    if (passed >= warmUpMs || done >= warmUpOperations) return operations
  }
  for (;;) {
    const took = await timed(contestant, times * each)
    passed += took
    done += times * each
    if (took < sliceMs / 2) times = Math.ceil(times * Math.min(8, Math.max(2, sliceMs / Math.max(took, 0.01))))
    else if (passed >= warmUpMs || done >= warmUpOperations) {
      return each * Math.max(1, Math.round((times * sliceMs) / took))
    }
  }
}

export const interleave = async (contestants: readonly Contestant[], pace: Pace): Promise<readonly Measured[]> => {
  const entries: { readonly contestant: Contestant; readonly operations: number }[] = []
  for (const contestant of contestants) {
    entries.push({ contestant, operations: await calibrate(contestant, pace) })
  }
  const slices = await takeTurns(
    entries,
    pace.rounds,
    async ({ contestant, operations }) => ((await timed(contestant, operations)) / operations) * 1_000,
  )
  return contestants.map(({ name }, index) => measuredOf(name, slices[index] ?? []))
}

/**
 * As `interleave`, with as many operations for one as for any other, which fill the slices together: for what gets slower
 * as its store grows.
 */
export const interleaveAlike = async (
  contestants: readonly Contestant[],
  { rounds, sliceMs, warmUpMs }: Pace,
): Promise<readonly Measured[]> => {
  const all = async (count: number) => {
    for (const { run } of contestants) await run(count)
  }
  const count = contestants.length
  const pace = { rounds, sliceMs: sliceMs * count, warmUpMs: warmUpMs * count }
  const operations = await calibrate({ name: "all", run: all }, pace)
  return interleave(
    contestants.map((contestant) => ({ ...contestant, operations })),
    { ...pace, warmUpMs: 0 },
  )
}

/** How many times as long `subject` takes as `base`: the ratio of the medians, with the quartiles of the rounds' ratios. */
export const ratioOf = (subject: Measured, base: Measured): Spread => {
  const rounds = subject.slices.map((value, round) => value / (base.slices[round] ?? Number.NaN))
  return { ...spreadOf(rounds), median: subject.micros.median / base.micros.median }
}
