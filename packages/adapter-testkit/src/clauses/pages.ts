import assert from "node:assert/strict"
import type { ListOptions, Page, StorageAdapter } from "@strongroom/core"
import fc from "fast-check"
import { mustBeEmpty, mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { checkProperty } from "../property.ts"
import { at, byBytes, digests, everything, leavesOf, put, remove } from "../records.ts"

/** One page after another; `between` runs before each but the first. */
const listAll = async (
  storage: StorageAdapter,
  collection: string,
  options: ListOptions,
  between: (page: number, last: string) => Promise<unknown> = async () => {},
): Promise<Page[]> => {
  const pages = [await storage.list("p", collection, options)]
  for (;;) {
    const last = pages.at(-1)
    if (last?.more !== true) return pages
    const after = last.records.at(-1)?.leaf
    assert.ok(after !== undefined, "a page that says `more` is not empty")
    await between(pages.length, after)
    const page = await storage.list("p", collection, { ...options, after })
    // Or it might never end.
    for (const leaf of leavesOf(page)) assert.ok(byBytes(leaf, after) > 0, `${leaf} is listed after ${after}`)
    pages.push(page)
  }
}

export const pages: readonly Clause[] = [
  {
    id: "pages-order",
    title: "lists by bytes, page by page, without a gap or a repetition, and says whether more follow",
    async run(subject) {
      // Whole numbers too: what orders them as numbers, as the keys of an object are, must not order leaves.
      const leaf = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_.~-]{1,6}$/), fc.stringMatching(/^[0-9]{1,3}$/))
      const leaves = fc.uniqueArray(leaf, { maxLength: 30 })
      await checkProperty(
        fc.asyncProperty(leaves, fc.integer({ min: 1, max: 8 }), async (leaves, limit) => {
          const collection = subject.partition()
          if (leaves.length > 0)
            await mustCommit(
              subject.storage,
              "p",
              leaves.map((leaf) => put(at(leaf, collection))),
            )
          const pages = await listAll(subject.storage, collection, { limit, maxBytes: 1e6 })
          assert.deepEqual(pages.flatMap(leavesOf), [...leaves].sort(byBytes))
          assert.equal(pages.length, Math.max(1, Math.ceil(leaves.length / limit)), "pages are full but for the last")
        }),
        40,
      )
    },
  },
  {
    id: "pages-bytes",
    title: "keeps a page within maxBytes, but returns no empty page while records remain",
    async run({ storage }) {
      await mustCommit(
        storage,
        "p",
        ["a", "b", "c", "d"].map((leaf) => put(at(leaf), leaf === "c" ? "far too long" : "four")),
      )
      const list = async (maxBytes: number, after?: string) => {
        const page = await storage.list("p", "c", { limit: 9, maxBytes, ...(after !== undefined && { after }) })
        return `${leavesOf(page).join(" ")}${page.more ? " and more" : ""}`
      }
      assert.equal(await list(8), "a b and more")
      assert.equal(await list(7), "a and more")
      assert.equal(await list(0), "a and more")
      assert.equal(await list(8, "b"), "c and more")
      assert.equal(await list(100, "b"), "c d")
      assert.equal(await list(8, "d"), "")
    },
  },
  {
    id: "pages-after",
    title: "goes on after any name, whether a leaf has it or not, and lists what never was as empty",
    async run({ storage }) {
      await mustCommit(storage, "p", [put(at("b")), put(at("d")), put(at("d.d"))])
      const after = async (name: string) => leavesOf(await storage.list("p", "c", { ...everything, after: name }))
      assert.deepEqual(await after("-"), ["b", "d", "d.d"])
      assert.deepEqual(await after("b"), ["d", "d.d"])
      assert.deepEqual(await after("bb"), ["d", "d.d"])
      assert.deepEqual(await after("d"), ["d.d"])
      assert.deepEqual(await after("d.d"), [])
      assert.deepEqual(await after("~".repeat(128)), [])
      await mustBeEmpty(storage, "p", "none")
      await mustBeEmpty(storage, "none", "c")
    },
  },
  {
    id: "pages-large",
    title:
      "lists 1,500 records in one page if it is asked to, and never ends a listing early for its bytes, not at 17 MiB",
    async run({ storage }) {
      const writes = Array.from({ length: 1_500 }, (_, i) => put(at(`${10_000 + i}`), `${i}`))
      await mustCommit(storage, "p", writes.slice(0, 1_000))
      await mustCommit(storage, "p", writes.slice(1_000))
      const page = await storage.list("p", "c", everything)
      assert.equal(page.records.length, writes.length)
      assert.equal(page.more, false)
      assert.deepEqual(digests(page.records.map(({ record }) => record)), digests(writes.map(({ record }) => record)))
      assert.equal((await storage.list("p", "c", { ...everything, limit: 1_500 })).more, false)
      assert.equal((await storage.list("p", "c", { ...everything, limit: 1_499 })).more, true)
      const heavy = Array.from({ length: 17 }, (_, i) => put(at(`${10 + i}`, "heavy"), new Uint8Array(1 << 20).fill(i)))
      for (let i = 0; i < heavy.length; i += 8) await mustCommit(storage, "p", heavy.slice(i, i + 8))
      const found = (await listAll(storage, "heavy", everything)).flatMap(({ records }) => records)
      assert.deepEqual(digests(found.map(({ record }) => record)), digests(heavy.map(({ record }) => record)))
    },
  },
  {
    id: "pages-while-changing",
    title: "neither skips nor repeats a leaf that stays, whatever is inserted or removed while the pages are read",
    async run({ storage }) {
      const staying = Array.from({ length: 30 }, (_, i) => `${10 + i}-m`)
      const removed = staying.map((leaf) => leaf.replace("-m", "-t"))
      await mustCommit(
        storage,
        "p",
        [...staying, ...removed].map((leaf) => put(at(leaf))),
      )
      const inserting: Promise<void>[] = []
      const pages = await listAll(storage, "c", { limit: 4, maxBytes: 1e6 }, async (page, last) => {
        // Some before the place that the listing has reached, some behind it; and that place itself may disappear.
        const inserted = ["0", last.slice(0, 2), "z"].map((near) => put(at(`${near}-a${page}`)))
        await mustCommit(storage, "p", inserted)
        if (last.endsWith("-t")) await mustCommit(storage, "p", [remove(at(last))])
        const leaf = removed.at(-page)
        inserting.push(mustCommit(storage, "p", [put(at(`00-${page}`)), remove(at(leaf ?? "none"))]))
      })
      await Promise.all(inserting)
      const found = pages.flatMap(leavesOf)
      assert.deepEqual(found, [...new Set(found)].sort(byBytes), "every leaf once, in order")
      assert.deepEqual(
        found.filter((leaf) => leaf.endsWith("-m")),
        staying,
      )
    },
  },
]
