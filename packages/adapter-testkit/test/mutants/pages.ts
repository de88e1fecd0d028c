/** Pages in a wrong order, of a wrong size, or with gaps. */
import { type ListOptions, type Page, type StorageAdapter, takePage } from "@strongroom/core"
import { byBytes, everything } from "../../src/records.ts"
import { memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"

const listing = (list: (client: StorageAdapter) => StorageAdapter["list"]) =>
  memoryStore((client) => ({ list: list(client) }))

const relist = (change: (options: ListOptions) => ListOptions, answer: (page: Page) => Page = (page) => page) =>
  listing((client) => async (partition, collection, options) => {
    return answer(await client.list(partition, collection, change(options)))
  })

const sortedBy = (compare: (a: string, b: string) => number) =>
  listing((client) => async (partition, collection, { after, ...options }) => {
    const { records } = await client.list(partition, collection, everything)
    const sorted = records.toSorted((a, b) => compare(a.leaf, b.leaf))
    return takePage(
      sorted.filter(({ leaf }) => after === undefined || compare(leaf, after) > 0),
      options,
    )
  })

const isWhole = (leaf: string): boolean => /^(0|[1-9]\d*)$/.test(leaf)

const byNumber = (a: string, b: string): number => (isWhole(a) && isWhole(b) ? Number(a) - Number(b) : byBytes(a, b))

export const pages: readonly Mutant[] = [
  {
    name: "sorts by locale",
    caughtBy: "pages-order",
    saying: /seed/,
    keeps: ["pages-large"],
    make: sortedBy((a, b) => a.localeCompare(b)),
  },
  {
    name: "says that more follow when a page is just full",
    caughtBy: "pages-order",
    saying: /seed/,
    make: relist(
      (options) => options,
      (page) => ({ ...page, more: page.records.length > 0 }),
    ),
  },
  {
    name: "counts the bytes of a page after it has taken one more",
    caughtBy: "pages-bytes",
    saying: /a b/,
    keeps: ["pages-order", "pages-large"],
    make: relist(({ maxBytes, ...options }) => ({ ...options, maxBytes: maxBytes + 4 })),
  },
  {
    name: "goes on only after a leaf that is there",
    caughtBy: "pages-after",
    saying: /'b'/,
    keeps: ["pages-order", "pages-bytes"],
    make: listing((client) => async (partition, collection, { after, ...options }) => {
      if (after === undefined) return client.list(partition, collection, options)
      const { records } = await client.list(partition, collection, everything)
      const found = records.findIndex(({ leaf }) => leaf === after)
      return found === -1 ? { records: [], more: false } : client.list(partition, collection, { ...options, after })
    }),
  },
  {
    name: "takes 1,000 records at most from its index and says that there are no more",
    caughtBy: "pages-large",
    saying: /1000/,
    keeps: ["pages-order", "pages-bytes"],
    make: listing((client) => async (partition, collection, options) => {
      const page = await client.list(partition, collection, { ...options, limit: Math.min(options.limit, 1_000) })
      return options.limit > 1_000 ? { ...page, more: false } : page
    }),
  },
  {
    name: "ends a page at 16 MiB and says that there are no more",
    caughtBy: "pages-large",
    saying: /sha256/,
    keeps: ["pages-order", "pages-bytes", "limits-taken"],
    make: relist(
      (options) => options,
      ({ records, more }) => {
        let bytes = 0
        const cut = records.filter(({ record }) => {
          bytes += record.bytes.length
          return bytes <= 16 << 20
        })
        return { records: cut, more: more && cut.length === records.length }
      },
    ),
  },
  {
    name: "sorts whole numbers as numbers",
    caughtBy: "pages-order",
    saying: /seed/,
    keeps: ["pages-large", "pages-after", "model-random-commits"],
    make: sortedBy(byNumber),
  },
  {
    name: "keeps the leaves as the keys of an object, which puts whole numbers first",
    caughtBy: "pages-order",
    saying: /seed/,
    keeps: ["pages-large", "pages-after", "model-random-commits"],
    make: sortedBy((a, b) => Number(isWhole(b)) - Number(isWhole(a)) || byNumber(a, b)),
  },
  {
    name: "goes on at the offset where the last page ended, and so skips and repeats",
    caughtBy: "pages-while-changing",
    saying: /is listed after/,
    keeps: ["pages-order", "pages-after"],
    make: listing((client) => {
      const offsets = new Map<string, number>()
      return async (partition, collection, { after, ...options }) => {
        const start = after === undefined ? 0 : offsets.get(`${collection}/${after}`)
        if (start === undefined) return client.list(partition, collection, { ...options, ...(after && { after }) })
        const { records } = await client.list(partition, collection, everything)
        const page = records.slice(start, start + options.limit)
        const last = page.at(-1)
        if (last !== undefined) offsets.set(`${collection}/${last.leaf}`, start + page.length)
        return { records: page, more: start + page.length < records.length }
      }
    }),
  },
]
