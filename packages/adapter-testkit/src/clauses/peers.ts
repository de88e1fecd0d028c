import assert from "node:assert/strict"
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { codeOf } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { countedPairs, type Peer, peerPartition, writePair } from "../peer.ts"
import { everything } from "../records.ts"

/** How long after the death of a peer the store may be out of reach (a lock that has to expire, say), in milliseconds. */
const recovery = 15_000

const until = async (peer: Peer, count: number): Promise<void> => {
  while (peer.acknowledged.length < count) {
    if (peer.failure !== undefined) throw new Error(`the peer failed: ${peer.failure}`)
    await delay(2)
  }
}

/** Commits so many pairs among the peers'. `UNAVAILABLE` and `BUSY` say that nothing was applied, so it tries again. */
const writePairsHere = async (storage: StorageAdapter, name: string, count: number): Promise<string[]> => {
  const leaves = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  const end = Date.now() + recovery
  for (const leaf of leaves) {
    for (;;) {
      try {
        if (await writePair(storage, leaf)) break
        await nextTurn()
      } catch (error) {
        const code = codeOf(error)
        if ((code !== "UNAVAILABLE" && code !== "BUSY") || Date.now() > end) throw error
        await delay(20)
      }
    }
  }
  return leaves
}

/** Every acknowledged pair is there, none is torn, and the counter has counted each once. */
const requireWhole = async (storage: StorageAdapter, acknowledged: readonly string[]): Promise<void> => {
  const pairs = async (collection: string) =>
    (await storage.list(peerPartition, collection, everything)).records.map(
      ({ leaf, record }) => `${leaf} ${record.revision}`,
    )
  const left = await pairs("left")
  assert.deepEqual(await pairs("right"), left, "a pair is torn")
  assert.equal(await countedPairs(storage), left.length, "the counter and the pairs differ")
  const there = new Set(left.map((pair) => pair.slice(0, pair.indexOf(" "))))
  assert.deepEqual(
    acknowledged.filter((leaf) => !there.has(leaf)),
    [],
    "pairs that were acknowledged are missing",
  )
}

export const peers: readonly Clause[] = [
  {
    id: "peer-killed",
    title: "goes on when another process is killed while it writes, keeps what it acknowledged and sees no torn pair",
    needs: "peer",
    async run(subject) {
      const { storage } = subject
      const acknowledged: string[] = []
      for (let round = 0; round < 3; round++) {
        const peer = await subject.peer()
        acknowledged.push(...(await writePairsHere(storage, `with-${round}`, 5)))
        await until(peer, 10)
        await delay(Math.random() * 20)
        await peer.kill()
        acknowledged.push(...peer.acknowledged, ...(await writePairsHere(storage, `alone-${round}`, 5)))
        await requireWhole(storage, acknowledged)
      }
    },
  },
]
