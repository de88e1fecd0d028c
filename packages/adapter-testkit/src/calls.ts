/** Calls of an adapter together with what must come of them. */
import assert from "node:assert/strict"
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises"
import type {
  Address,
  Check,
  Commit,
  CommitResult,
  StorageAdapter,
  StorageErrorCode,
  StoredRecord,
  Write,
} from "@strongroom/core"
import { at, everything, leavesOf, nameOf, put, text } from "./records.ts"

export const codeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "code" in error ? error.code : undefined

/** `BUSY` says that nothing was applied, and is no fault under contention: such a commit is sent again. */
export const send = async (storage: StorageAdapter, partition: string, commit: Commit): Promise<CommitResult> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await storage.commit(partition, commit)
    } catch (error) {
      if (codeOf(error) !== "BUSY" || attempt === 50) throw error
      await delay(Math.random() * 4 * attempt)
    }
  }
}

export const mustCommit = async (
  storage: StorageAdapter,
  partition: string,
  writes: readonly Write[],
  checks: readonly Check[] = [],
): Promise<void> => {
  const result = await send(storage, partition, { checks, writes })
  assert.equal(result.status, "committed", `a commit whose checks hold is committed, not: ${describeResult(result)}`)
}

const describeResult = (result: CommitResult): string =>
  result.status === "conflict" ? `conflict at ${result.addresses.map(nameOf).join(", ")}` : result.status

/** The commit must be refused and name these addresses, each once, and no others. */
export const mustConflict = async (
  storage: StorageAdapter,
  partition: string,
  commit: Commit,
  failed: readonly Address[],
): Promise<void> => assertConflict(await send(storage, partition, commit), failed)

export const assertConflict = (result: CommitResult, failed: readonly Address[]): void => {
  assert.equal(result.status, "conflict")
  if (result.status === "conflict") {
    assert.deepEqual(result.addresses.map(nameOf).sort(), failed.map(nameOf).sort())
  }
}

/** Compares names only: a difference in bytes could be too large to print, and should not be printed. */
export const mustBeEmpty = async (storage: StorageAdapter, partition: string, collection: string): Promise<void> => {
  const page = await storage.list(partition, collection, everything)
  assert.deepEqual(leavesOf(page), [], "nothing was to be written")
  assert.equal(page.more, false)
}

export const mustReject = async (call: () => Promise<unknown>, code: StorageErrorCode, why: string): Promise<void> => {
  const outcome = await call().then(
    () => "it was accepted",
    (error: unknown) => `rejected with the code ${String(codeOf(error))}`,
  )
  assert.equal(outcome, `rejected with the code ${code}`, `${why}: expected ${code}, but ${outcome}`)
}

export const readOne = async (
  storage: StorageAdapter,
  partition: string,
  address: Address,
): Promise<StoredRecord | undefined> => (await storage.read(partition, [address]))[0]

/** Adds 1 to a decimal counter `times` times, beginning again after every conflict. */
export const increment = async (storage: StorageAdapter, partition: string, times: number): Promise<void> => {
  const address = at("counter")
  for (let done = 0; done < times; ) {
    const found = await readOne(storage, partition, address)
    const result = await send(storage, partition, {
      checks: [{ ...address, revision: found?.revision }],
      writes: [put(address, `${Number(text(found?.bytes)) + 1}`)],
    })
    if (result.status === "committed") done++
    // Adapters that answer without leaving this turn, and never let a commit pass, would stop every clock.
    else await nextTurn()
  }
}
