import { setTimeout as sleep } from "node:timers/promises"
import { type Commit, type CommitResult, StorageError } from "@strongroom/core"
import type { ClientSession, MongoClient } from "mongodb"
import { filterOf, keyOf, type Records } from "./documents.ts"
import { describe, hasLabel, lostRace, notApplied } from "./errors.ts"
import { planBatch } from "./plan-batch.ts"

/** How often a batch is run that loses races, and how often one that does not reach a primary. */
const attempts = { race: 32, unavailable: 3 }
const longestBackoffMs = 250
/** How often a commit that is in doubt is sent again, beyond the once that the driver does by itself. */
const commitAttempts = 3

/** Read and decided in a snapshot, then changed, all in one transaction. Commits or throws. */
const runOnce = async (
  session: ClientSession,
  records: Records,
  partition: string,
  batch: readonly Commit[],
): Promise<readonly CommitResult[]> => {
  session.startTransaction({
    readConcern: { level: "snapshot" },
    writeConcern: { w: "majority" },
    readPreference: "primary",
  })
  const addresses = batch.flatMap(({ checks, writes }) => [...checks, ...writes])
  const revisions = new Map<string, string>()
  const found = records.find(filterOf(partition, addresses), {
    session,
    projection: { _id: 0, collection: 1, leaf: 1, revision: 1 },
  })
  for await (const document of found) revisions.set(keyOf(document), document.revision)
  const { results, operations } = planBatch(partition, batch, revisions)
  if (operations.length > 0) await records.bulkWrite(operations, { session })
  return results
}

/**
 * Commits what `runOnce` has prepared. Also a transaction that only read is committed: only then is it sure that what it
 * saw was the latest and will stay.
 */
const commitTransaction = async (session: ClientSession): Promise<"committed" | "aborted" | { inDoubt: unknown }> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.commitTransaction()
      return "committed"
    } catch (error) {
      // Said of a commit that was in doubt before, it is no proof that the earlier one had no effect.
      if (attempt === 1 && hasLabel(error, "TransientTransactionError")) return "aborted"
      if (attempt === commitAttempts || !hasLabel(error, "UnknownTransactionCommitResult")) return { inDoubt: error }
    }
  }
}

const inDoubt = (result: CommitResult, error: unknown): StorageError =>
  result.status === "committed"
    ? describe("UNKNOWN_OUTCOME", error)
    : // A conflict writes nothing, but the state that it was found in may not last.
      describe("UNAVAILABLE", error)

/** What becomes of each commit of one attempt, or why nothing was applied and the attempt may be repeated. */
type Attempt =
  | { readonly outcomes: readonly (CommitResult | StorageError)[] }
  | { readonly lost: StorageError; readonly limit: number }

const attemptOnce = async (
  session: ClientSession,
  records: Records,
  partition: string,
  batch: readonly Commit[],
): Promise<Attempt> => {
  try {
    const results = await runOnce(session, records, partition, batch)
    const outcome = await commitTransaction(session)
    if (outcome === "committed") return { outcomes: results }
    if (outcome !== "aborted") return { outcomes: results.map((result) => inDoubt(result, outcome.inDoubt)) }
    return { lost: new StorageError("BUSY", "MongoDB aborted the transaction"), limit: attempts.race }
  } catch (error) {
    // Without its commit a transaction ends by itself; this only makes it sooner.
    await session.abortTransaction().catch(() => undefined)
    if (lostRace(error)) return { lost: describe("BUSY", error), limit: attempts.race }
    return {
      lost: notApplied(error),
      limit: hasLabel(error, "TransientTransactionError") ? attempts.unavailable : 1,
    }
  }
}

/** Runs a batch until it is decided. Never rejects: each commit has its own outcome. */
export const runBatch = async (
  client: MongoClient,
  records: Records,
  partition: string,
  batch: readonly Commit[],
): Promise<readonly (CommitResult | StorageError)[]> => {
  let session: ClientSession | undefined
  try {
    session = client.startSession()
    for (let count = 1; ; count++) {
      const attempt = await attemptOnce(session, records, partition, batch)
      if ("outcomes" in attempt) return attempt.outcomes
      if (count >= attempt.limit) return batch.map(() => attempt.lost)
      await sleep(Math.random() * Math.min(longestBackoffMs, 2 ** count))
    }
  } catch (error) {
    return batch.map(() => notApplied(error))
  } finally {
    await session?.endSession().catch(() => undefined)
  }
}
