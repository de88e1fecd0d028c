/** A second process on the store under test, to be killed at any moment. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { setImmediate as nextTurn } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { StorageAdapter } from "@strongroom/core"
import { codeOf, readOne } from "./calls.ts"
import { at, newRevision, put, text } from "./records.ts"

export const peerPartition = "peers"
const counter = at("counter", "counter")

export interface Peer {
  /** The leaves of the pairs whose commits have returned, as far as the peer could tell before it was killed. */
  readonly acknowledged: readonly string[]
  /** What ended the peer before it was killed, if anything did. */
  readonly failure: string | undefined
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

/** Commits `left/<leaf>` and `right/<leaf>` together, and counts the pair. `false`: another writer came first. */
export const writePair = async (storage: StorageAdapter, leaf: string): Promise<boolean> => {
  const found = await readOne(storage, peerPartition, counter)
  const revision = newRevision()
  const result = await storage.commit(peerPartition, {
    checks: [{ ...counter, revision: found?.revision }],
    writes: [
      put(counter, `${Number(text(found?.bytes)) + 1}`, revision),
      put(at(leaf, "left"), leaf, revision),
      put(at(leaf, "right"), leaf, revision),
    ],
  })
  return result.status === "committed"
}

/** What the clause compares with the pairs that are there. */
export const countedPairs = async (storage: StorageAdapter): Promise<number> =>
  Number(text((await readOne(storage, peerPartition, counter))?.bytes))

/**
 * The whole work of a peer's script: writes pairs through this client, three at a time, until the process is killed, and
 * tells its parent of each commit that has returned. The script must have been started by `startPeer`.
 */
export const writePairs = (storage: StorageAdapter): void => {
  const lane = async (number: number): Promise<void> => {
    for (let n = 0; ; await nextTurn()) {
      const leaf = `${process.pid}-${number}-${n}`
      try {
        if (!(await writePair(storage, leaf))) continue
      } catch (error) {
        if (codeOf(error) === "BUSY") continue
        throw error
      }
      process.send?.({ acknowledged: leaf })
      n++
    }
  }
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
  Promise.all([0, 1, 2].map(lane)).catch((error: unknown) => {
    process.send?.({ failed: `${String(codeOf(error))}: ${String(error)}` })
  })
}

/** Starts a script (Node runs `.ts` too) that calls `writePairs`; resolves when its first pair has been acknowledged. */
export const startPeer = async (script: string | URL, ...args: readonly string[]): Promise<Peer> => {
  const path = typeof script === "string" ? script : fileURLToPath(script)
  const child = fork(path, args, { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const gone = once(child, "exit")
  const acknowledged: string[] = []
  let failure: string | undefined
  let killed = false
  child.on("message", (message: { acknowledged?: string; failed?: string }) => {
    if (message.acknowledged !== undefined) acknowledged.push(message.acknowledged)
    failure ??= message.failed
  })
  child.on("exit", (code, signal) => {
    if (!killed) failure ??= `it ended with ${signal ?? code}`
  })
  await Promise.race([once(child, "message"), gone])
  if (acknowledged.length === 0) {
    child.kill("SIGKILL")
    throw new Error(`the peer ${path} wrote no pair: ${failure ?? "it said something else"}`)
  }
  return {
    acknowledged,
    get failure() {
      return failure
    },
    async kill() {
      killed = true
      child.kill("SIGKILL")
      await gone
    },
  }
}
