import fc from "fast-check"
import { expect, it } from "vitest"
import { AuditChain, type ChainedEntry, type RefusedRange } from "../../src/services/audit-chain.ts"

const key = new Uint8Array(32).fill(3)
const actor = { principal: "p", token: null }
const event = { action: "test", subject: {} }

interface Entry {
  readonly writer: string
  readonly sequence: number
  readonly refused: readonly RefusedRange[]
}

const newChain = () => {
  let writers = 0
  const chain = new AuditChain(() => `writer-${++writers}`)
  let ids = 0
  const next = () => chain.next(key, `id-${++ids}`, 0, actor, event)
  return { next }
}

const entryOf = ({ metadata }: ChainedEntry): Entry => JSON.parse(new TextDecoder().decode(metadata))

const numbersOf = (ranges: readonly RefusedRange[]): number[] =>
  ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index))

it("vouches for a long outage with one range, so that entries do not grow", () => {
  const { next } = newChain()
  for (let n = 0; n < 20_000; n++) next().settle("refused")
  const last = next()
  expect(entryOf(last).refused).toMatchObject([{ first: 1, last: 20_000, previous: "" }])
  expect(last.metadata.length).toBeLessThan(500)
})

it("says again what an entry vouched for whose outcome stayed unknown, without claiming that entry", () => {
  const { next } = newChain()
  next().settle("refused")
  next().settle("unknown")
  expect(entryOf(next()).refused).toMatchObject([{ first: 1, last: 1 }])
})

it("ends a chain with very many gaps, and what settles late does not reach the next one", () => {
  const { next } = newChain()
  const late = next()
  const pending = Array.from({ length: 140 }, () => next())
  for (const entry of pending.filter((_, index) => index % 2 === 0)) entry.settle("refused")
  const anew = entryOf(next())
  expect(anew).toMatchObject({ writer: "writer-2", sequence: 1, refused: [] })
  late.settle("refused")
  expect(entryOf(next()).refused).toEqual([])
})

it("vouches for exactly the refused entries, whatever the order in which commits settle", () => {
  const outcomes = fc.array(fc.constantFrom("committed" as const, "refused" as const, "unknown" as const), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(outcomes, fc.infiniteStream(fc.nat()), (plan, picks) => {
      const { next } = newChain()
      const pending: { entry: ChainedEntry; outcome: (typeof plan)[number] }[] = []
      const refused: number[] = []
      const committed: Entry[] = []
      const settleOne = () => {
        const [one] = pending.splice((picks.next().value ?? 0) % pending.length, 1)
        if (one === undefined) return
        const entry = entryOf(one.entry)
        if (one.outcome === "committed") committed.push(entry)
        else one.entry.settle(one.outcome)
        if (one.outcome === "refused") refused.push(entry.sequence)
      }
      for (const outcome of plan) {
        pending.push({ entry: next(), outcome })
        if ((picks.next().value ?? 0) % 2 === 0) settleOne()
      }
      while (pending.length > 0) settleOne()
      const vouched = new Set([...committed, entryOf(next())].flatMap((entry) => numbersOf(entry.refused)))
      expect([...vouched].toSorted((a, b) => a - b)).toEqual(refused.toSorted((a, b) => a - b))
    }),
  )
})
