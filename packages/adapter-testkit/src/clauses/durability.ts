import assert from "node:assert/strict"
import { codeOf, mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, digests, everything, leavesOf, put, remove } from "../records.ts"

export const durability: readonly Clause[] = [
  {
    id: "reopen-finds-all",
    title: "holds after reopening exactly what was acknowledged, deletions among it, and goes on from there",
    needs: "reopen",
    async run(subject) {
      let client = subject.storage
      const stays = put(at("stays"), new Uint8Array(1 << 20).fill(7))
      await mustCommit(client, "p", [stays, put(at("goes"))])
      await mustCommit(client, "q", [put(at("other", "d"), "")])
      for (let round = 0; round < 3; round++) {
        await mustCommit(client, "p", [put(at(`${round}`), `${round}`), remove(at("goes"))])
        client = await subject.reopen()
        const rounds = Array.from({ length: round + 1 }, (_, i) => `${i}`)
        assert.deepEqual(leavesOf(await client.list("p", "c", everything)), [...rounds, "stays"])
        assert.deepEqual(digests(await client.read("p", [stays])), digests([stays.record]))
        assert.deepEqual(leavesOf(await client.list("q", "d", everything)), ["other"])
      }
    },
  },
  {
    id: "reopen-under-load",
    title: "holds after reopening all that was acknowledged while it was being closed, and nothing that was refused",
    needs: "reopen",
    async run(subject) {
      const { storage } = subject
      const sent: Promise<{ leaf: string; outcome: unknown }>[] = []
      const send = (leaf: string): void => {
        const writes = [put(at(leaf, "left"), leaf), put(at(leaf, "right"), leaf)]
        sent.push(
          storage.commit("p", { checks: [], writes }).then(
            ({ status }) => ({ leaf, outcome: status }),
            (error: unknown) => ({ leaf, outcome: codeOf(error) }),
          ),
        )
      }
      for (let i = 0; i < 40; i++) send(`before-${i}`)
      await Promise.race(sent)
      for (let i = 0; i < 40; i++) send(`then-${i}`)
      const closing = storage.close()
      for (let i = 0; i < 5; i++) send(`after-${i}`)
      const outcomes = await Promise.all(sent)
      await closing
      const client = await subject.reopen()
      const expected = outcomes.filter(({ outcome }) => outcome === "committed").map(({ leaf }) => leaf)
      for (const collection of ["left", "right"]) {
        assert.deepEqual(leavesOf(await client.list("p", collection, everything)), expected.sort())
      }
      const refused = outcomes.filter(({ outcome }) => outcome !== "committed")
      assert.deepEqual(new Set(refused.map(({ outcome }) => outcome)), new Set(["CLOSED"]))
      assert.ok(expected.length >= 80, "what was sent before `close` is finished")
    },
  },
]
