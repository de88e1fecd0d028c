/** The floors of the benchmark do what the engine was seen to do, no more and no less. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cipher, memoryStorage } from "@strongroom/core"
import fc from "fast-check"
import { open } from "lmdb"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type CipherCall, cipherCallsOf, replay } from "../bench/src/cipher-calls.ts"
import { atOnce, writers } from "../bench/src/load.ts"
import { rawLmdb } from "../bench/src/raw-lmdb.ts"
import { watch } from "../bench/src/watch.ts"

const bytes = (length: number) => new Uint8Array(length)
const [key, nonce] = [bytes(32), bytes(24)]
const length = fc.integer({ min: 0, max: 3_000 })

describe("cipher calls", () => {
  const { seal, open } = cipher
  const assertRestored = () => expect([cipher.seal, cipher.open]).toEqual([seal, open])

  test("are recorded in order with the lengths of their plaintext and associated data", async () => {
    const calls = await cipherCallsOf(async () => {
      const sealed = cipher.seal(key, nonce, bytes(100), bytes(7))
      cipher.open(key, nonce, sealed, bytes(7))
      cipher.seal(key, nonce, bytes(0), bytes(30))
    })
    expect(calls).toEqual([
      { kind: "seal", plaintext: 100, associatedData: 7 },
      { kind: "open", plaintext: 100, associatedData: 7 },
      { kind: "seal", plaintext: 0, associatedData: 30 },
    ])
    assertRestored()
  })

  test("are not recorded any more after an operation that failed, or made none", async () => {
    const failing = cipherCallsOf(() => Promise.reject(new Error("no operation")))
    await expect(failing).rejects.toThrow("no operation")
    assertRestored()
    await expect(cipherCallsOf(async () => {})).rejects.toThrow("not seen to seal or open")
    assertRestored()
  })

  test("are made again exactly as recorded", async () => {
    const call: fc.Arbitrary<CipherCall> = fc.record({
      kind: fc.constantFrom("seal", "open"),
      plaintext: length,
      associatedData: length,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 20 }), async (calls) => {
        const again = replay(calls)
        for (let turn = 0; turn < 2; turn++) expect(await cipherCallsOf(async () => again())).toEqual(calls)
      }),
    )
  })
})

describe("raw lmdb", () => {
  let directory = ""
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "strongroom-bench-floors-"))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  test("writes as many records of the same lengths, at keys as long, each time", async () => {
    const path = join(directory, "store")
    const written = [
      { partition: "p", collection: "secret", leaf: "x".repeat(43), length: 180 },
      { partition: "p", collection: "secret", leaf: "y".repeat(43), length: 0 },
      { partition: "p", collection: "audit", leaf: "0".repeat(26), length: 250 },
    ]
    const database = rawLmdb(path)
    const write = database.writerLike(written)
    const times = 3
    await Promise.all(Array.from({ length: times }, write))
    await database.close()

    const found = open<Buffer, string>({ path, encoding: "binary" })
    const sizes = [...found.getRange({})].map(({ key, value }) => `${key.length}: ${value.length}`)
    await found.close()
    const expected = written.map((one) => {
      const { partition, collection, leaf, length } = one
      return `${`${partition}/${collection}/${leaf}`.length}: ${length}`
    })
    expect(sizes.sort()).toEqual(
      Array.from({ length: times }, () => expected)
        .flat()
        .sort(),
    )
  })
})

describe("a watched storage", () => {
  const writes = [
    { collection: "c", leaf: "a", record: { revision: "A".repeat(26), bytes: bytes(11) } },
    { collection: "c", leaf: "b", record: { revision: "A".repeat(26), bytes: bytes(22) } },
  ]
  const sealOnce = () => cipher.seal(key, nonce, bytes(1), bytes(2))

  test("tells what was written, and of what was read the lengths of the records that were there", async () => {
    const storage = memoryStorage()
    const { watched, during } = watch(storage)
    await watched.commit("before", { checks: [], writes })
    const work = await during(async () => {
      sealOnce()
      const deleted = { collection: "c", leaf: "gone", record: undefined }
      await watched.commit("p", { checks: [], writes: [...writes, deleted] })
      await watched.read(
        "p",
        [writes[1], { collection: "c", leaf: "missing" }].flatMap((at) => at ?? []),
      )
      await watched.list("p", "c", { limit: 10, maxBytes: 1_000 })
    })
    expect(work).toEqual({
      calls: [{ kind: "seal", plaintext: 1, associatedData: 2 }],
      written: [
        { partition: "p", collection: "c", leaf: "a", length: 11 },
        { partition: "p", collection: "c", leaf: "b", length: 22 },
      ],
      got: [22, 11, 22],
    })
    // What it tells went through.
    expect((await storage.list("p", "c", { limit: 10, maxBytes: 1_000 })).records).toHaveLength(2)
    expect(await during(async () => sealOnce())).toMatchObject({ written: [], got: [] })
  })
})

test(`${writers} operations overlap when there are as many, and never more`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 3 * writers }), async (operations) => {
      let [started, active, most] = [0, 0, 0]
      await atOnce(operations, async () => {
        const turns = started++ % 5
        most = Math.max(most, ++active)
        for (let turn = 0; turn <= turns; turn++) await Promise.resolve()
        active--
      })
      expect({ started, active, most }).toEqual({ started: operations, active: 0, most: Math.min(64, operations) })
    }),
  )
})
