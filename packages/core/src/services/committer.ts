import { Context, Effect, Layer, Random } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { Settings, Storage } from "../ports/services.ts"
import type { Address, Commit, CommitResult, StoredRecord } from "../ports/storage.ts"

/**
 * A commit whose outcome can always be found out. With everything else it writes its receipt, a record at a fresh leaf
 * that is checked absent and whose revision is that leaf.
 */
export interface ReceiptedCommit extends Commit {
  readonly receipt: Address
  /** A void record with a revision of its own: put in the receipt's place, so that no late copy can apply. */
  readonly fence: () => StoredRecord
}

/** About half a second, after which an outcome stays unknown. */
const attempts = 10

/** Full jitter: anything up to 2^n × 2 ms, at most a tenth of a second. */
export const backOff = (attempt: number): Effect.Effect<void> =>
  Random.next.pipe(Effect.flatMap((share) => Effect.sleep(share * Math.min(100, 2 * 2 ** attempt))))

const at =
  (address: Address) =>
  (other: Address): boolean =>
    other.collection === address.collection && other.leaf === address.leaf

/** Commits, and finds out what became of a commit whose reply was lost. */
export class Committer extends Context.Service<
  Committer,
  {
    /**
     * Runs uninterruptibly. What it reports is final: a conflict will never apply late. Fails with `OUTCOME_UNKNOWN`
     * when storage stays silent, and with another storage error only when nothing was applied.
     */
    readonly commit: (partition: string, commit: ReceiptedCommit) => Effect.Effect<CommitResult, EngineError>
  }
>()("@strongroom/core/Committer") {
  static readonly layer = Layer.effect(
    Committer,
    Effect.gen(function* () {
      const storage = yield* Storage
      const { logger } = yield* Settings

      const unknown = (partition: string, receipt: string) =>
        new StrongroomError("OUTCOME_UNKNOWN", `storage did not say whether commit ${receipt} was applied`, {
          partition,
          receipt,
        })

      /** While a copy is in doubt, no failure of a later call settles what became of it. */
      const orUnknown = <A>(effect: Effect.Effect<A, EngineError>) =>
        Effect.orElseSucceed(effect, () => ({ status: "unknown" as const }))

      /** Makes sure that the commit can never apply, unless it has already. */
      const fence = Effect.fnUntraced(function* (
        partition: string,
        { receipt, fence }: ReceiptedCommit,
        conflict: CommitResult,
      ) {
        const record = fence()
        const { collection, leaf } = receipt
        const commit = {
          checks: [{ collection, leaf, revision: undefined }],
          writes: [{ collection, leaf, record }],
        }
        for (let attempt = 0; attempt < attempts; attempt++) {
          const outcome = yield* orUnknown(storage.commit(partition, commit))
          if (outcome.status === "committed") return conflict
          if (outcome.status === "conflict") {
            // Something stands there: the commit itself, or this fence, whose first copy was in doubt too.
            const found = yield* orUnknown(storage.read(partition, [receipt]))
            if ("status" in found) continue
            return found[0]?.revision === leaf ? { status: "committed" as const } : conflict
          }
          yield* backOff(attempt)
        }
        return yield* Effect.fail(unknown(partition, leaf))
      })

      const commit = Effect.fnUntraced(function* (partition: string, receipted: ReceiptedCommit) {
        const { checks, writes, receipt } = receipted
        let inDoubt = false
        for (let attempt = 0; attempt < attempts; attempt++) {
          const sent = storage.commit(partition, { checks, writes })
          const outcome = yield* inDoubt ? orUnknown(sent) : sent
          if (outcome.status === "committed") return outcome
          if (outcome.status === "conflict") {
            if (outcome.addresses.some(at(receipt))) return { status: "committed" as const }
            return inDoubt ? yield* fence(partition, receipted, outcome) : outcome
          }
          inDoubt = true
          logger.warn("a commit is in doubt and is sent again", { partition, receipt: receipt.leaf, attempt })
          yield* backOff(attempt)
        }
        return yield* Effect.fail(unknown(partition, receipt.leaf))
      })

      return { commit: (partition, receipted) => Effect.uninterruptible(commit(partition, receipted)) }
    }),
  )
}
