import { type Commit, type CommitResult, StorageError } from "@strongroom/core"
import type { ClientSession, MongoClient } from "mongodb"
import { filterOf, keyOf, type Records } from "./documents.ts"
import { brokeOff, describe, hasLabel, lostRace, notApplied, sentAway } from "./errors.ts"
import { planBatch } from "./plan-batch.ts"
import { Retries } from "./retries.ts"

/** How often a batch is run that loses races or that the server sends away, and how often one whose connection breaks. */
const attempts = { race: 32, brokenOff: 3 }
/** How often a commit that is in doubt is sent, by two each time: the driver itself sends it again once. */
const commitAttempts = 3

export interface Target {
  readonly client: MongoClient
  readonly records: Records
  /** The longest that the server may work on one statement. */
  readonly maxTimeMS: number
}

/** Read and decided in a snapshot, then changed, all in one transaction, which is left open. */
const runOnce = async (
  session: ClientSession,
  { records, maxTimeMS }: Target,
  partition: string,
  batch: readonly Commit[],
): Promise<readonly CommitResult[]> => {
  session.startTransaction({
    readConcern: { level: "snapshot" },
    // Not every replica set's majority has it in the journal (writeConcernMajorityJournalDefault).
    writeConcern: { w: "majority", journal: true },
    readPreference: "primary",
    maxCommitTimeMS: maxTimeMS,
  })
  const addresses = batch.flatMap(({ checks, writes }) => [...checks, ...writes])
  const revisions = new Map<string, string>()
  const found = records.find(filterOf(partition, addresses), {
    session,
    maxTimeMS,
    projection: { _id: 0, collection: 1, leaf: 1, revision: 1 },
  })
  for await (const document of found) revisions.set(keyOf(document), document.revision)
  const { results, operations } = planBatch(partition, batch, revisions)
  if (operations.length > 0) {
    const changed = await records.bulkWrite(operations, { session, maxTimeMS })
    // Filters match what the snapshot holds and nothing here is a no-op, so a server that has snapshots changes it all.
    if (changed.insertedCount + changed.modifiedCount + changed.deletedCount !== operations.length) {
      throw new StorageError("FATAL", "the server did not change in a transaction what it had read there")
    }
  }
  return results
}

/**
 * Commits what `runOnce` has prepared. Also a transaction that only read is committed: only then is it sure that what it
 * saw was the latest and will stay.
 */
const commitTransaction = async (session: ClientSession): Promise<"committed" | "aborted" | { inDoubt: unknown }> => {
  const retries = new Retries()
  for (let first = true; ; first = false) {
    try {
      await session.commitTransaction()
      return "committed"
    } catch (error) {
      // The server gives this label to a commit only when a majority knows that there will never be such a commit.
      // Once a commit has ended in doubt, believing it would save little.
      if (first && hasLabel(error, "TransientTransactionError")) return "aborted"
      // No label has a commit on a connection that broke together with others, nor one that a mongos could not pass on.
      const isOpen = hasLabel(error, "UnknownTransactionCommitResult") || brokeOff(error) || sentAway(error)
      const limit = isOpen ? commitAttempts : 1
      if (!(await retries.again(limit))) return { inDoubt: error }
    }
  }
}

const inDoubt = (result: CommitResult, error: unknown): StorageError =>
  result.status === "committed"
    ? describe("UNKNOWN_OUTCOME", error)
    : // A conflict writes nothing, but the state that it was found in may not last.
      describe("UNAVAILABLE", error)

/** What becomes of each commit of one attempt, or why nothing was applied and how often to try in all. */
type Attempt =
  | { readonly outcomes: readonly (CommitResult | StorageError)[] }
  | { readonly lost: StorageError; readonly limit: number }

const attemptOnce = async (
  session: ClientSession,
  target: Target,
  partition: string,
  batch: readonly Commit[],
): Promise<Attempt> => {
  let results: readonly CommitResult[]
  try {
    results = await runOnce(session, target, partition, batch)
  } catch (error) {
    // Without its commit a transaction ends by itself; this only makes it sooner.
    await session.abortTransaction().catch(() => undefined)
    if (lostRace(error)) return { lost: describe("BUSY", error), limit: attempts.race }
    if (brokeOff(error)) return { lost: notApplied(error), limit: attempts.brokenOff }
    return { lost: notApplied(error), limit: hasLabel(error, "TransientTransactionError") ? attempts.race : 1 }
  }
  const outcome = await commitTransaction(session)
  if (outcome === "committed") return { outcomes: results }
  if (outcome !== "aborted") return { outcomes: results.map((result) => inDoubt(result, outcome.inDoubt)) }
  return { lost: new StorageError("BUSY", "MongoDB aborted the transaction"), limit: attempts.race }
}

/** Runs a batch until it is decided. Never rejects: each commit has its own outcome. */
export const runBatch = async (
  target: Target,
  partition: string,
  batch: readonly Commit[],
): Promise<readonly (CommitResult | StorageError)[]> => {
  let session: ClientSession | undefined
  const retries = new Retries()
  try {
    session = target.client.startSession()
    for (;;) {
      const attempt = await attemptOnce(session, target, partition, batch)
      if ("outcomes" in attempt) return attempt.outcomes
      if (await retries.again(attempt.limit)) continue
      if (attempt.lost.code !== "FATAL" || batch.length === 1) return batch.map(() => attempt.lost)
      // One that the server will never take must not take the others with it.
      const outcomes = []
      for (const commit of batch) outcomes.push(...(await runBatch(target, partition, [commit])))
      return outcomes
    }
  } catch (error) {
    return batch.map(() => notApplied(error))
  } finally {
    await session?.endSession().catch(() => undefined)
  }
}
