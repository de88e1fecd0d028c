import { Cause, Context, Effect, Layer } from "effect"
import { toBase64Url } from "../crypto/bytes.ts"
import type { EngineError } from "../domain/errors.ts"
import { risingUlids } from "../domain/ids.ts"
import { LruMap } from "../lru-map.ts"
import { Crypto, Storage } from "../ports/services.ts"
import type { Address, Check, CommitResult, Write } from "../ports/storage.ts"
import { layout } from "../records/layout.ts"
import { metadataVersion } from "../records/schemas.ts"
import type { WorkspaceKeys } from "../records/workspace-keys.ts"
import { type Actor, AuditChain, type AuditEvent, type ChainedEntry } from "./audit-chain.ts"
import { Committer, type ReceiptedCommit } from "./committer.ts"
import { type PlannedWrite, sealMetadata, sealWrites } from "./plan.ts"

const chainsKept = 10_000

/** The partition that is written and the keys to seal with. */
export interface Target {
  readonly partition: string
  readonly keys: WorkspaceKeys
}

/** What one commit does besides leaving its receipt. */
export interface Changes {
  readonly writes: readonly PlannedWrite[]
  /** Records that must still be as they were read, without being written. */
  readonly unchanged?: readonly Check[]
  /** Records that are sealed already, under the same revision; they must not be there yet. */
  readonly sealed?: readonly Write[]
}

/** Seals changes and commits them with their receipt. */
export class Transactions extends Context.Service<
  Transactions,
  {
    /** A ULID: the revision of all records of one commit, and the leaf of its receipt. */
    readonly revision: (now: number) => string
    /**
     * In a workspace, where the receipt is the audit entry. Seals before it returns (and throws what sealing throws), so
     * that no await lies between taking a key and sealing with it; the effect commits.
     */
    readonly prepare: (
      target: Target,
      actor: Actor,
      event: AuditEvent,
      now: number,
      changes: Changes,
      revision?: string,
    ) => Effect.Effect<CommitResult, EngineError>
    /** The same in the directory, where the receipt is a record of its own. */
    readonly preparePointer: (
      target: Target,
      receipt: Address,
      now: number,
      changes: Changes,
    ) => Effect.Effect<CommitResult, EngineError>
  }
>()("@strongroom/core/Transactions") {
  static readonly layer = Layer.effect(
    Transactions,
    Effect.gen(function* () {
      const { limits } = yield* Storage
      const { cipher, random } = yield* Crypto
      const committer = yield* Committer
      const newWriter = (): string => toBase64Url(random(9))
      /** A chain that is forgotten is followed by one with a new writer. */
      const chains = new LruMap<AuditChain>(chainsKept)

      const chainOf = (partition: string): AuditChain => {
        const chain = chains.get(partition) ?? new AuditChain(newWriter)
        chains.set(partition, chain)
        return chain
      }

      const newRevision = risingUlids(random)

      /** `receipt.leaf` is the revision of everything. */
      const seal = (
        { partition, keys }: Target,
        receipt: Address,
        metadata: object | Uint8Array,
        now: number,
        { writes, unchanged = [], sealed = [] }: Changes,
      ): ReceiptedCommit => {
        const sealer = { cipher, random, limits, partition, metadataKeys: keys.metadata }
        const content = { metadata, value: undefined, keys: undefined }
        const own = sealWrites(
          sealer,
          receipt.leaf,
          [...writes, { ...receipt, expected: undefined, content }],
          unchanged,
        )
        const absent = sealed.map(({ collection, leaf }) => ({ collection, leaf, revision: undefined }))
        return {
          checks: [...own.checks, ...absent],
          writes: [...own.writes, ...sealed],
          receipt,
          fence: () => sealMetadata(sealer, newRevision(now), receipt, { v: metadataVersion, action: "void", at: now }),
        }
      }

      return {
        revision: newRevision,
        prepare: (target, actor, event, now, changes, revision = newRevision(now)) => {
          const entry = chainOf(target.partition).next(target.keys.chain, revision, now, actor, event)
          const commit = sealOr(entry, () => seal(target, layout.audit(revision), entry.metadata, now, changes))
          return Effect.onExitPrimitive(committer.commit(target.partition, commit), (exit) => {
            if (exit._tag === "Success") {
              if (exit.value.status === "conflict") entry.settle("refused")
            } else {
              const error = Cause.findErrorOption(exit.cause)
              if (error._tag === "Some") entry.settle(error.value.code === "OUTCOME_UNKNOWN" ? "unknown" : "refused")
            }
            return undefined
          })
        },
        preparePointer: (target, receipt, now, changes) =>
          committer.commit(target.partition, seal(target, receipt, { v: metadataVersion, at: now }, now, changes)),
      }
    }),
  )
}

const sealOr = (entry: ChainedEntry, seal: () => ReceiptedCommit): ReceiptedCommit => {
  try {
    return seal()
  } catch (error) {
    entry.settle("refused")
    throw error
  }
}
