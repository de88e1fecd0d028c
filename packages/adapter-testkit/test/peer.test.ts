import { expect, it } from "vitest"
import { runClause } from "../src/clause.ts"
import { clauses } from "../src/clauses/all.ts"
import { startPeer } from "../src/index.ts"
import { memoryStore } from "./support/memory-store.ts"

const script = new URL("./support/failing-peer.ts", import.meta.url)

it("a peer that cannot begin is told with its reason", async () => {
  await expect(startPeer(script, "exits")).rejects.toThrow("wrote no pair: it ended with 3")
  await expect(startPeer(script, "closed")).rejects.toThrow("wrote no pair: CLOSED")
})

it("a peer that fails later fails the clause, with its reason", async () => {
  const clause = clauses.find(({ needs }) => needs === "peer")
  if (clause === undefined) throw new Error("no clause needs a peer")
  const failing = async () => {
    const peer = await startPeer(script, "closes")
    while (peer.failure === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    // What it wrote went to a memory of its own, so the clause would wait for more.
    return { ...peer, acknowledged: [], failure: peer.failure }
  }
  const make = async () => ({ ...(await memoryStore()()), peer: failing })
  await expect(runClause(clause, make)).rejects.toThrow("the peer failed: CLOSED")
})
