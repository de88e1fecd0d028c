import assert from "node:assert/strict"
import { mustCommit, mustReject } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, everything, put } from "../records.ts"

export const lifecycle: readonly Clause[] = [
  {
    id: "capabilities-declared",
    title: "declares what it is: `durable` and `shared`, and its exceptions in words",
    async run({ storage: { capabilities } }) {
      assert.equal(typeof capabilities.durable, "boolean")
      assert.equal(typeof capabilities.shared, "boolean")
      for (const exception of capabilities.exceptions) assert.match(exception, /\w+ \w+/, "an exception is a sentence")
    },
  },
  {
    id: "close-finishes",
    title: "finishes what is under way when it is closed, and refuses everything afterwards with CLOSED",
    async run({ storage }) {
      await mustCommit(storage, "p", [put(at("before"))])
      const read = storage.read("p", [at("before")])
      const underWay = Array.from({ length: 8 }, (_, i) =>
        storage.commit("p", { checks: [], writes: [put(at(`${i}`))] }),
      )
      const closing = storage.close()
      const results = await Promise.all(underWay)
      assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(["committed"]))
      assert.equal((await read).length, 1)
      await closing
      await mustReject(() => storage.read("p", [at("a")]), "CLOSED", "a read after close")
      await mustReject(() => storage.list("p", "c", everything), "CLOSED", "a list after close")
      const commit = { checks: [], writes: [put(at("a"))] }
      await mustReject(() => storage.commit("p", commit), "CLOSED", "a commit after close")
    },
  },
  {
    id: "close-twice",
    title: "may be closed twice",
    async run({ storage }) {
      await Promise.all([storage.close(), storage.close()])
      await storage.close()
    },
  },
]
