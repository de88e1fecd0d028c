import assert from "node:assert/strict"
import type { StorageAdapter, Write } from "@strongroom/core"
import { mustBeEmpty, mustCommit, mustReject } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { absent, at, digests, put, remove, stale } from "../records.ts"

/** So many records of these sizes. The contents differ, so that a store that compresses gains little from it. */
const named = (count: number, bytes: (i: number) => number): Write[] =>
  Array.from({ length: count }, (_, i) => put(at(`${count}-${i}`), new Uint8Array(bytes(i)).fill(i)))

/** As many bytes as one commit may hold, and `extra` more. */
const fullCommit = ({ limits: { recordBytes, commitBytes } }: StorageAdapter, extra: number): Write[] => {
  const full = Math.floor(commitBytes / recordBytes)
  const rest = commitBytes - full * recordBytes + extra
  return named(full + (rest > 0 ? 1 : 0), (i) => (i < full ? recordBytes : rest))
}

export const limits: readonly Clause[] = [
  {
    id: "limits-least",
    title: "announces at least 1 MiB a record, 1,000 records and 8 MiB a commit",
    async run({ storage: { limits } }) {
      assert.ok(limits.recordBytes >= 1 << 20, `recordBytes is ${limits.recordBytes}`)
      assert.ok(limits.commitRecords >= 1_000, `commitRecords is ${limits.commitRecords}`)
      assert.ok(limits.commitBytes >= 8 << 20, `commitBytes is ${limits.commitBytes}`)
      assert.ok(limits.commitBytes >= limits.recordBytes, "a commit takes at least one record of the largest size")
    },
  },
  {
    id: "limits-taken",
    title: "takes what it announces, in bytes, records and checks",
    async run({ storage }) {
      const { recordBytes, commitRecords } = storage.limits
      const largest = [named(1, () => recordBytes), named(commitRecords, () => 1), fullCommit(storage, 0)]
      for (const writes of largest) {
        await mustCommit(storage, "p", writes, writes.map(absent))
        assert.deepEqual(digests(await storage.read("p", writes)), digests(writes.map(({ record }) => record)))
        const checks = writes.map(({ collection, leaf, record }) => ({ collection, leaf, revision: record?.revision }))
        await mustCommit(storage, "p", writes.map(remove), checks)
        await mustBeEmpty(storage, "p", "c")
      }
    },
  },
  {
    id: "limits-refused",
    title: "refuses one byte, one record or one check more than it announces with LIMIT, and writes nothing",
    async run({ storage }) {
      const { recordBytes, commitRecords } = storage.limits
      const attempt = (writes: Write[]) => () => storage.commit("p", { checks: writes.map(absent), writes })
      await mustReject(attempt(named(1, () => recordBytes + 1)), "LIMIT", "a record of one byte more")
      await mustReject(attempt(named(commitRecords + 1, () => 1)), "LIMIT", "a commit of one record more")
      await mustReject(attempt(fullCommit(storage, 1)), "LIMIT", "a commit of one byte more")
      const checks = named(commitRecords + 1, () => 0).map(stale)
      await mustReject(() => storage.commit("p", { checks, writes: [put(at("a"))] }), "LIMIT", "one check more")
      await mustBeEmpty(storage, "p", "c")
    },
  },
]
