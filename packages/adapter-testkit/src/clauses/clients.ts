import assert from "node:assert/strict"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { mustCommit, mustConflict, readOne } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { absent, at, digest, everything, leavesOf, put, remove, unchanged } from "../records.ts"

/**
 * `writer` commits while `reader` never rests, so that whatever it keeps (a cache, an old snapshot) is as fresh as can be
 * without being fresh enough.
 */
const seen = async (writer: StorageAdapter, reader: StorageAdapter, round: number): Promise<void> => {
  const write = put(at("a"), `${round}`)
  await readOne(reader, "p", at("a"))
  await reader.list("p", "d", everything)
  let returned = false
  const committing = mustCommit(writer, "p", [write, put(at(`${round}`, "d"))]).finally(() => {
    returned = true
  })
  while (!returned) {
    await readOne(reader, "p", at("a"))
    await nextTurn()
  }
  await committing
  assert.equal(digest(await readOne(reader, "p", at("a"))), digest(write.record), "a read after the commit returned")
  const page = await reader.list("p", "d", { ...everything, after: "0" })
  assert.ok(leavesOf(page).includes(`${round}`), "a list after the commit returned")
  // Checks too are held against what stands in the store now.
  const next = put(at("a"), `${round}, changed by the reader`)
  await mustConflict(reader, "p", { checks: [absent(write)], writes: [next] }, [write])
  await mustCommit(reader, "p", [next], [unchanged(write)])
  await mustConflict(writer, "p", { checks: [unchanged(write)], writes: [put(at("a"))] }, [write])
  await mustCommit(writer, "p", [remove(next)], [unchanged(next)])
  assert.equal(await readOne(reader, "p", at("a")), undefined)
}

export const clients: readonly Clause[] = [
  {
    id: "clients-recent",
    title: "shows each client every commit that returned before its call began, whoever sent it",
    needs: "second",
    async run(subject) {
      const both = [subject.storage, await subject.second()] as const
      for (let round = 1; round <= 20; round++) {
        await seen(both[0], both[1], round)
        await seen(both[1], both[0], round)
      }
    },
  },
  {
    id: "clients-close",
    title: "leaves the other client as it is when one is closed, also while commits are under way",
    needs: "second",
    async run(subject) {
      const second = await subject.second()
      const writes = Array.from({ length: 20 }, (_, i) => put(at(`${i}`)))
      const committing = writes.map((write, i) => mustCommit(i % 2 === 0 ? subject.storage : second, "p", [write]))
      const closing = second.close()
      await Promise.all(committing)
      await closing
      await mustCommit(subject.storage, "p", [put(at("last"))])
      const page = await subject.storage.list("p", "c", everything)
      assert.equal(page.records.length, writes.length + 1)
      const third = await subject.second()
      assert.equal((await third.list("p", "c", everything)).records.length, writes.length + 1)
    },
  },
]
