/** What every adapter of this repository must do, as vitest tests. The published conformance kit goes further. */
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Address, Check, StorageAdapter, StoredRecord, Write } from "../../src/ports/storage.ts"
import { increment, newRevision, put, text } from "./records.ts"

export interface OpenStore {
  readonly storage: StorageAdapter
  readonly remove: () => Promise<void>
}

const at = (leaf: string, collection = "c"): Address => ({ collection, leaf })
const absent = (address: Address): Check => ({ ...address, revision: undefined })
const leavesOf = (page: { readonly records: readonly { readonly leaf: string }[] }) => page.records.map((r) => r.leaf)
const everything = { limit: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER }

export const storageContract = (name: string, open: () => Promise<OpenStore>, modelRuns: number): void => {
  describe(`storage contract: ${name}`, () => {
    let storage: StorageAdapter
    let remove: () => Promise<void>
    let partitions = 0
    /** Each test has a partition to itself. */
    const fresh = () => `p${++partitions}`

    beforeAll(async () => {
      const store = await open()
      storage = store.storage
      remove = store.remove
    })
    afterAll(() => remove())

    const write = async (partition: string, ...writes: Write[]) =>
      expect(await storage.commit(partition, { checks: [], writes })).toEqual({ status: "committed" })
    const readOne = async (partition: string, address: Address) => (await storage.read(partition, [address]))[0]
    const bytesAt = async (partition: string, address: Address) => (await readOne(partition, address))?.bytes

    it("returns exactly the bytes and the revision that were written", async () => {
      const p = fresh()
      const values = [
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7),
      ]
      const writes = values.map((bytes, i) => put(at(`v${i}`), bytes))
      await write(p, ...writes)
      expect(await storage.read(p, writes)).toEqual(writes.map((w) => w.record))
      expect((await storage.list(p, "c", everything)).records).toEqual(
        writes.map(({ leaf, record }) => ({ leaf, record })),
      )
    })

    it("reads in the order asked for, also what is absent and what is asked for twice", async () => {
      const p = fresh()
      const [a, b] = [put(at("a")), put(at("b"))]
      await write(p, a, b)
      expect(await storage.read(p, [b, at("none"), a, b])).toEqual([b.record, undefined, a.record, b.record])
      expect(await storage.read(p, [])).toEqual([])
    })

    it("takes every address of the alphabet, names of Object's own properties among them", async () => {
      const alphabet = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
      const names = [alphabet, "__proto__", "constructor", ".", "..", "x".repeat(128)]
      const partition = "_".repeat(128)
      const writes = names.flatMap((collection) =>
        names.map((leaf) => put({ collection, leaf }, `${collection}${leaf}`)),
      )
      await write(partition, ...writes)
      expect(await storage.read(partition, writes)).toEqual(writes.map((w) => w.record))
      for (const collection of names) {
        expect(leavesOf(await storage.list(partition, collection, everything))).toEqual([...names].sort())
      }
    })

    it("lists by bytes, page by page, without a gap or a repetition", async () => {
      const p = fresh()
      const leaf = fc.stringMatching(/^[A-Za-z0-9_.~-]{1,6}$/)
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(leaf, { maxLength: 30 }),
          fc.integer({ min: 1, max: 8 }),
          async (leaves, limit) => {
            const collection = fresh()
            if (leaves.length > 0) await write(p, ...leaves.map((l) => put(at(l, collection))))
            const found: string[] = []
            let pages = 0
            for (let more = true; more; pages++) {
              const after = found.at(-1)
              const page = await storage.list(p, collection, {
                limit,
                maxBytes: 1e6,
                ...(after !== undefined && { after }),
              })
              found.push(...leavesOf(page))
              more = page.more
            }
            expect(pages).toBe(Math.max(1, Math.ceil(leaves.length / limit)))
            expect(found).toEqual([...leaves].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
          },
        ),
        { numRuns: Math.ceil(modelRuns / 2) },
      )
    })

    it("keeps a page within maxBytes, but never returns an empty one while records remain", async () => {
      const p = fresh()
      await write(p, ...["a", "b", "c", "d"].map((leaf) => put(at(leaf), leaf === "c" ? "far too long" : "four")))
      const list = (maxBytes: number, after?: string) =>
        storage.list(p, "c", { limit: 9, maxBytes, ...(after !== undefined && { after }) })
      expect(leavesOf(await list(8))).toEqual(["a", "b"])
      expect(leavesOf(await list(7))).toEqual(["a"])
      expect(leavesOf(await list(0))).toEqual(["a"])
      expect(leavesOf(await list(8, "b"))).toEqual(["c"])
      expect(await list(100, "b")).toMatchObject({ records: [{ leaf: "c" }, { leaf: "d" }], more: false })
      // A place to go on from need not be a leaf.
      expect(leavesOf(await list(8, "bb"))).toEqual(["c"])
      expect(await list(8, "d")).toEqual({ records: [], more: false })
      expect(await storage.list(p, "none", everything)).toEqual({ records: [], more: false })
    })

    it("keeps names apart of which one begins with another", async () => {
      const parts = ["a", "a.b", "aa", "a-"]
      const prefix = fresh()
      const all = parts.flatMap((p) => parts.map((collection) => ({ p: `${prefix}${p}`, collection })))
      for (const { p, collection } of all) {
        await write(p, ...parts.map((leaf) => put({ collection, leaf }, `${p} ${collection} ${leaf}`)))
      }
      for (const { p, collection } of all) {
        const page = await storage.list(p, collection, everything)
        expect(page.records.map(({ leaf, record }) => [leaf, text(record.bytes)])).toEqual(
          [...parts].sort().map((leaf) => [leaf, `${p} ${collection} ${leaf}`]),
        )
      }
    })

    it("lets exactly one of 50 create a record", async () => {
      const p = fresh()
      const bids = Array.from({ length: 50 }, (_, i) => put(at("one"), `${i}`))
      const results = await Promise.all(
        bids.map((bid) => storage.commit(p, { checks: [absent(at("one"))], writes: [bid] })),
      )
      const winner = results.findIndex((result) => result.status === "committed")
      expect(results.filter((result) => result.status === "committed")).toHaveLength(1)
      for (const result of results) {
        if (result.status === "conflict") expect(result.addresses).toEqual([at("one")])
      }
      expect(await readOne(p, at("one"))).toEqual(bids[winner]?.record)
    })

    it("loses no increment of a contended counter", async () => {
      const p = fresh()
      await write(p, put(at("counter"), "0"))
      await Promise.all(Array.from({ length: 20 }, () => increment(storage, p, at("counter"), 10)))
      expect(text(await bytesAt(p, at("counter")))).toBe("200")
    })

    it("writes all or nothing, wherever the check that fails stands, and names just that one", async () => {
      const p = fresh()
      const leaves = ["a", "b", "c", "d", "e"]
      const first = leaves.map((leaf) => put(at(leaf), "before"))
      await write(p, ...first)
      const before = await storage.read(p, first)
      for (const bad of leaves.keys()) {
        const checks = first.map(({ collection, leaf, record }, i) => ({
          collection,
          leaf,
          revision: i === bad ? newRevision() : record?.revision,
        }))
        const result = await storage.commit(p, { checks, writes: leaves.map((leaf) => put(at(leaf), "after")) })
        expect(result).toEqual({ status: "conflict", addresses: [at(leaves[bad] ?? "")] })
        expect(await storage.read(p, first)).toEqual(before)
      }
    })

    it("evaluates all checks and names exactly those that failed", async () => {
      const p = fresh()
      const there = put(at("there"))
      const other = put(at("other"))
      await write(p, there, other)
      const result = await storage.commit(p, {
        checks: [
          absent(at("there")),
          { ...at("other"), revision: other.record?.revision },
          { ...at("gone"), revision: newRevision() },
          absent(at("new")),
        ],
        writes: [put(at("there")), put(at("new"))],
      })
      expect(result.status === "conflict" && new Set(result.addresses)).toEqual(new Set([at("there"), at("gone")]))
      expect(await storage.read(p, [at("there"), at("new")])).toEqual([there.record, undefined])
    })

    it("checks what it does not write as strongly as what it does: no write skew", async () => {
      for (let round = 0; round < 20; round++) {
        const p = fresh()
        const [x, y] = [put(at("x")), put(at("y"))]
        await write(p, x, y)
        const results = await Promise.all(
          [
            [x, y],
            [y, x],
          ].map(([checked, written]) =>
            storage.commit(p, {
              checks: checked ? [{ ...at(checked.leaf), revision: checked.record?.revision }] : [],
              writes: written ? [put(at(written.leaf), "skewed")] : [],
            }),
          ),
        )
        expect(results.map((r) => r.status).sort()).toEqual(["committed", "conflict"])
      }
    })

    it("deletes, with checks and without, also what is not there", async () => {
      const p = fresh()
      const a = put(at("a"))
      await write(p, a, put(at("b")))
      const deletion = { ...at("a"), record: undefined }
      const stale = await storage.commit(p, { checks: [{ ...at("a"), revision: newRevision() }], writes: [deletion] })
      expect(stale).toEqual({ status: "conflict", addresses: [at("a")] })
      expect(await readOne(p, at("a"))).toEqual(a.record)
      const checks = [{ ...at("a"), revision: a.record?.revision }]
      expect(await storage.commit(p, { checks, writes: [deletion] })).toEqual({ status: "committed" })
      await write(p, { ...at("a"), record: undefined })
      expect(leavesOf(await storage.list(p, "c", everything))).toEqual(["b"])
      // It may come back.
      const again = put(at("a"))
      expect(await storage.commit(p, { checks: [absent(at("a"))], writes: [again] })).toEqual({ status: "committed" })
      expect(await readOne(p, at("a"))).toEqual(again.record)
    })

    it("shares no memory with its callers", async () => {
      const p = fresh()
      const given = Buffer.from("given")
      const committed = storage.commit(p, { checks: [], writes: [put(at("a"), given)] })
      given.fill("!")
      await committed
      for (const returned of [
        await bytesAt(p, at("a")),
        (await storage.list(p, "c", everything)).records[0]?.record.bytes,
        await bytesAt(p, at("a")),
      ]) {
        expect(text(returned)).toBe("given")
        returned?.fill(0)
      }
    })

    it("takes what it announces, refuses one more with LIMIT and writes nothing", async () => {
      const { recordBytes, commitRecords, commitBytes } = storage.limits
      expect(recordBytes).toBeGreaterThanOrEqual(1 << 20)
      expect(commitRecords).toBeGreaterThanOrEqual(1_000)
      expect(commitBytes).toBeGreaterThanOrEqual(8 << 20)
      const p = fresh()
      const attempt = (writes: Write[]) => storage.commit(p, { checks: writes.map((w) => absent(at(w.leaf))), writes })
      const named = (n: number, bytes: (i: number) => number) =>
        Array.from({ length: n }, (_, i) => put(at(`${n}-${i}`), new Uint8Array(bytes(i))))
      const full = Math.floor(commitBytes / recordBytes)
      const refused = [
        named(1, () => recordBytes + 1),
        named(commitRecords + 1, () => 1),
        named(full + 1, (i) => (i < full ? recordBytes : commitBytes - full * recordBytes + 1)),
      ]
      for (const writes of refused) await expect(attempt(writes)).rejects.toMatchObject({ code: "LIMIT" })
      expect(await storage.list(p, "c", everything)).toEqual({ records: [], more: false })
      for (const writes of [
        named(1, () => recordBytes),
        named(commitRecords, () => 1),
        named(full, () => recordBytes),
      ]) {
        expect(await attempt(writes)).toEqual({ status: "committed" })
        const found = await storage.read(p, writes)
        expect(found.map((r) => [r?.revision, r?.bytes.length])).toEqual(
          writes.map((w) => [w.record?.revision, w.record?.bytes.length]),
        )
        await write(p, ...writes.map((w) => ({ ...at(w.leaf), record: undefined })))
      }
    })

    it("refuses with FATAL what breaks the rules of the port, and writes nothing", async () => {
      const p = fresh()
      const refused: [string, string, { checks: Check[]; writes: Write[] }][] = [
        ["no writes", p, { checks: [], writes: [] }],
        ["only checks", p, { checks: [{ ...at("a"), revision: newRevision() }], writes: [] }],
        ["an empty leaf", p, { checks: [], writes: [put(at(""))] }],
        ["a leaf of 129", p, { checks: [], writes: [put(at("x".repeat(129)))] }],
        ["a slash", p, { checks: [], writes: [put(at("a/b"))] }],
        ["a NUL", p, { checks: [], writes: [put(at("a", "c\0d"))] }],
        ["a line feed at the end", p, { checks: [], writes: [put(at("a\n"))] }],
        ["no ASCII", p, { checks: [], writes: [put(at("ä"))] }],
        ["an empty partition", "", { checks: [], writes: [put(at("a"))] }],
        ["a bad checked address", p, { checks: [absent(at("a b"))], writes: [put(at("a"))] }],
        ["two writes", p, { checks: [], writes: [put(at("a")), { ...at("a"), record: undefined }] }],
        ["two checks", p, { checks: [absent(at("a")), absent(at("a"))], writes: [put(at("a"))] }],
        ["absence of what is not written", p, { checks: [absent(at("b"))], writes: [put(at("a"))] }],
        [
          "a short revision",
          p,
          { checks: [], writes: [{ ...at("a"), record: { revision: "1", bytes: new Uint8Array(0) } }] },
        ],
        ["a bad checked revision", p, { checks: [{ ...at("a"), revision: "a".repeat(26) }], writes: [put(at("a"))] }],
      ]
      for (const [why, partition, commit] of refused) {
        await expect(storage.commit(partition, commit), why).rejects.toMatchObject({ code: "FATAL" })
      }
      expect(await storage.list(p, "c", everything)).toEqual({ records: [], more: false })
      for (const bad of ["", "a/b", "x".repeat(129)]) {
        await expect(storage.read(bad, []), bad).rejects.toMatchObject({ code: "FATAL" })
        await expect(storage.read(p, [at(bad)]), bad).rejects.toMatchObject({ code: "FATAL" })
        await expect(storage.list(p, bad, everything), bad).rejects.toMatchObject({ code: "FATAL" })
        await expect(storage.list(p, "c", { ...everything, after: bad }), bad).rejects.toMatchObject({ code: "FATAL" })
      }
      for (const options of [{ limit: 0 }, { limit: 1.5 }, { maxBytes: -1 }, { maxBytes: Number.NaN }]) {
        await expect(storage.list(p, "c", { ...everything, ...options })).rejects.toMatchObject({ code: "FATAL" })
      }
    })

    it("sends nothing when the signal is aborted before", async () => {
      const p = fresh()
      const options = { signal: AbortSignal.abort() }
      const code = { code: "UNAVAILABLE" }
      await expect(storage.commit(p, { checks: [], writes: [put(at("a"))] }, options)).rejects.toMatchObject(code)
      await expect(storage.read(p, [at("a")], options)).rejects.toMatchObject(code)
      await expect(storage.list(p, "c", { ...everything, ...options })).rejects.toMatchObject(code)
      expect(await readOne(p, at("a"))).toBeUndefined()
    })

    it("behaves like a map under random commits", async () => {
      const partition = fc.constantFrom("p", "q")
      const address = fc.record({ collection: fc.constantFrom("a", "a.b"), leaf: fc.constantFrom("0", "1", "2", "3") })
      const step = fc.record({
        partition,
        parts: fc.uniqueArray(
          fc.record({
            address,
            check: fc.constantFrom("none", "none", "present", "absent", "stale"),
            write: fc.constantFrom("none", "put", "put", "delete"),
            bytes: fc.uint8Array({ maxLength: 40 }),
          }),
          { minLength: 1, maxLength: 6, selector: ({ address }) => `${address.collection}/${address.leaf}` },
        ),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const run = fresh()
          const model = new Map<string, StoredRecord>()
          const key = (p: string, a: Address) => `${p}/${a.collection}/${a.leaf}`
          for (const { partition, parts } of steps) {
            const p = `${run}${partition}`
            const checks: Check[] = []
            const writes: Write[] = []
            for (const { address, check, write, bytes } of parts) {
              if (write !== "none")
                writes.push(write === "put" ? put(address, bytes) : { ...address, record: undefined })
              const present = model.get(key(p, address))?.revision
              if (check === "stale") checks.push({ ...address, revision: newRevision() })
              else if (check === "absent" && write !== "none") checks.push(absent(address))
              else if (check === "present" && present !== undefined) checks.push({ ...address, revision: present })
            }
            if (writes.length === 0) continue
            const failed = checks.filter((c) => model.get(key(p, c))?.revision !== c.revision)
            const result = await storage.commit(p, { checks, writes })
            if (failed.length > 0) {
              expect(result).toEqual({
                status: "conflict",
                addresses: failed.map(({ collection, leaf }) => ({ collection, leaf })),
              })
              continue
            }
            expect(result).toEqual({ status: "committed" })
            for (const w of writes) {
              if (w.record === undefined) model.delete(key(p, w))
              else model.set(key(p, w), w.record)
            }
          }
          for (const p of [`${run}p`, `${run}q`]) {
            for (const collection of ["a", "a.b"]) {
              const expected = ["0", "1", "2", "3"].map((leaf) => ({
                leaf,
                record: model.get(key(p, { collection, leaf })),
              }))
              expect(
                await storage.read(
                  p,
                  expected.map(({ leaf }) => ({ collection, leaf })),
                ),
              ).toEqual(expected.map((e) => e.record))
              expect(await storage.list(p, collection, everything)).toEqual({
                records: expected.filter((e) => e.record !== undefined),
                more: false,
              })
            }
          }
        }),
        { numRuns: modelRuns },
      )
    })

    it("finishes what is under way when it is closed and refuses everything afterwards with CLOSED", async () => {
      const { storage, remove } = await open()
      const under = Array.from({ length: 8 }, (_, i) =>
        storage.commit("p", { checks: [], writes: [put(at(`${i}`))] }).then(
          (result) => result.status,
          (error: unknown) => error,
        ),
      )
      await storage.close()
      expect(new Set(await Promise.all(under))).toEqual(new Set(["committed"]))
      const closed = { code: "CLOSED" }
      await expect(storage.read("p", [at("a")])).rejects.toMatchObject(closed)
      await expect(storage.list("p", "c", everything)).rejects.toMatchObject(closed)
      await expect(storage.commit("p", { checks: [], writes: [put(at("a"))] })).rejects.toMatchObject(closed)
      await storage.close()
      await remove()
    })
  })
}
