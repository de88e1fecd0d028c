import { Clock, Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput, Grants, HostId, PrincipalId, TokenId, WorkspaceId } from "../domain/fields.ts"
import type { Principal } from "../domain/permission.ts"
import { Crypto, Settings, Storage } from "../ports/services.ts"
import type { Address } from "../ports/storage.ts"
import { layout, type Ref } from "../records/layout.ts"
import { nameOf } from "../records/sealed-record.ts"
import type { WorkspaceKeys } from "../records/workspace-keys.ts"
import { attempt } from "./attempt.ts"
import type { AuditEvent } from "./audit-chain.ts"
import { backOff } from "./committer.ts"
import { Directory } from "./directory.ts"
import { Keyring, type KeysHome } from "./keyring.ts"
import { Snapshot } from "./snapshot.ts"
import { type Changes, Transactions } from "./transactions.ts"

/** How often one operation tries again because others changed what it had read. */
const rounds = 64
const pageRecords = 500
const pageBytes = 4 * 1024 * 1024

/** A page of a collection; it is a snapshot of its own. */
export interface SnapshotPage {
  readonly snapshot: Snapshot
  readonly leaves: readonly string[]
  /** Give to the next call as `after`; `undefined` at the end. */
  readonly next: string | undefined
}

/**
 * The outcome of a decision: what to write in one commit and what the caller gets when it has been applied; or what it
 * gets without any; or what to write before deciding anew; or that somebody else has to finish first.
 */
export type Decision<A> =
  | (Changes & { readonly next: "done"; readonly audit: AuditEvent; readonly result: A })
  | (Changes & { readonly next: "again"; readonly audit: AuditEvent })
  | { readonly next: "nothing"; readonly result: A }
  | { readonly next: "wait" }

/** One operation of one principal in its workspace, while the workspace's keys are leased. */
export interface Session {
  readonly principal: Principal
  readonly partition: string
  readonly keys: WorkspaceKeys
  readonly now: number
  /** The prefix and a ULID that sorts after all that this process made before. */
  readonly newId: (prefix: string) => string
  /** One snapshot. */
  readonly read: (addresses: readonly Address[]) => Effect.Effect<Snapshot, EngineError>
  readonly page: (
    collection: string,
    after: string | undefined,
    limit?: number,
  ) => Effect.Effect<SnapshotPage, EngineError>
  /** The metadata of all records of a collection that the metadata keys seal, in the order of their leaves. */
  readonly pages: <A>(collection: string, refOf: (leaf: string) => Ref<A>) => Effect.Effect<readonly A[], EngineError>
  /**
   * Reads, decides and commits, and again as long as others change what was read. Between the keys that `decide` takes
   * from the snapshot and the sealed records there is no await. `round` counts from 0.
   */
  readonly transact: <A>(
    read: (round: number) => Effect.Effect<Snapshot, EngineError>,
    decide: (snapshot: Snapshot, round: number) => Decision<A>,
  ) => Effect.Effect<A, EngineError>
  /** Commits an audit entry that accompanies no change. */
  readonly audit: (event: AuditEvent) => Effect.Effect<void, EngineError>
  /** Commits the audit entry of a disclosure, unless those are turned off. */
  readonly disclose: (event: AuditEvent) => Effect.Effect<void, EngineError>
}

const principalFields = { workspace: WorkspaceId, token: Schema.optional(TokenId) }
const decodeVouchedFor = decodeInput(
  Schema.Struct({ principal: Schema.Struct({ ...principalFields, id: HostId, grants: Grants }) }),
)
const decodeStored = decodeInput(Schema.Struct({ principal: Schema.Struct({ ...principalFields, id: PrincipalId }) }))

/** Principals come from the host application and reach addresses and audit entries. */
const checkPrincipal = (principal: Principal): void => {
  if (principal?.grants === undefined) decodeStored({ principal })
  else decodeVouchedFor({ principal })
}

export class Sessions extends Context.Service<
  Sessions,
  {
    readonly use: <A>(
      principal: Principal,
      use: (session: Session) => Effect.Effect<A, EngineError>,
    ) => Effect.Effect<A, EngineError>
  }
>()("@strongroom/core/Sessions") {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const storage = yield* Storage
      const { cipher } = yield* Crypto
      const { auditReads } = yield* Settings
      const keyring = yield* Keyring
      const transactions = yield* Transactions
      const { storeId } = yield* Directory

      const open = (principal: Principal, partition: string, keys: WorkspaceKeys, now: number): Session => {
        const target = { partition, keys }
        const actor = { principal: principal.id, token: principal.token ?? null }
        const source = { partition, cipher, metadataKeys: keys.metadata, unlock: keyring.unlock }

        const floorsOf = (addresses: readonly Address[]): ReadonlyMap<string, number> =>
          new Map(
            addresses
              .filter(({ collection }) => collection === "keyset")
              .map(({ leaf }) => [leaf, keyring.floor(partition, leaf)]),
          )

        const read = (addresses: readonly Address[]): Effect.Effect<Snapshot, EngineError> =>
          Effect.suspend(() => {
            const floors = floorsOf(addresses)
            return Effect.map(
              storage.read(partition, addresses),
              (records) => new Snapshot({ ...source, floors }, addresses, records),
            )
          })

        const page = (collection: string, after: string | undefined, limit = pageRecords) =>
          Effect.map(
            storage.list(partition, collection, {
              ...(after === undefined ? {} : { after }),
              limit,
              maxBytes: pageBytes,
            }),
            ({ records, more }): SnapshotPage => {
              const leaves = records.map(({ leaf }) => leaf)
              const addresses = leaves.map((leaf) => ({ collection, leaf }))
              const found = records.map(({ record }) => record)
              const snapshot = new Snapshot({ ...source, floors: new Map() }, addresses, found)
              return { snapshot, leaves, next: more ? leaves.at(-1) : undefined }
            },
          )

        const pages = Effect.fnUntraced(function* <A>(collection: string, refOf: (leaf: string) => Ref<A>) {
          const found: A[] = []
          let after: string | undefined
          do {
            const { snapshot, leaves, next } = yield* page(collection, after)
            found.push(...(yield* attempt(() => leaves.flatMap((leaf) => snapshot.get(refOf(leaf)) ?? []))))
            after = next
          } while (after !== undefined)
          return found
        })

        const prepare = (event: AuditEvent, changes: Changes) =>
          transactions.prepare(target, actor, event, now, changes)

        const decideAndCommit = Effect.fnUntraced(function* <A>(
          decide: (snapshot: Snapshot, round: number) => Decision<A>,
          snapshot: Snapshot,
          round: number,
        ) {
          const [decision, committing] = yield* attempt(() => {
            const decided = decide(snapshot, round)
            return [decided, "audit" in decided ? prepare(decided.audit, decided) : undefined] as const
          })
          return { decision, outcome: committing === undefined ? undefined : yield* committing }
        })

        const transact = Effect.fnUntraced(function* <A>(
          readRound: (round: number) => Effect.Effect<Snapshot, EngineError>,
          decide: (snapshot: Snapshot, round: number) => Decision<A>,
        ) {
          for (let round = 0; round < rounds; round++) {
            const snapshot = yield* readRound(round)
            // Not to be interrupted between the audit chain's next entry and the outcome of its commit.
            const { decision, outcome } = yield* Effect.uninterruptible(decideAndCommit(decide, snapshot, round))
            if (decision.next === "nothing") return decision.result
            if (outcome?.status === "committed" && decision.next === "done") return decision.result
            yield* backOff(round)
          }
          return yield* Effect.fail(
            new StrongroomError("STORAGE_BUSY", "others kept changing the same records; nothing was changed"),
          )
        })

        const audit = Effect.fnUntraced(function* (event: AuditEvent) {
          const { status } = yield* Effect.uninterruptible(
            Effect.flatten(attempt(() => prepare(event, { writes: [] }))),
          )
          // The entry itself is all that can be in conflict, and then it is there. An adapter that says otherwise is wrong.
          if (status === "committed") return
          return yield* Effect.fail(new StrongroomError("STORAGE_FAILED", "storage has refused an audit entry"))
        })

        return {
          principal,
          partition,
          keys,
          now,
          newId: (prefix) => prefix + transactions.revision(now),
          read,
          page,
          pages,
          transact,
          audit,
          disclose: (event) => (auditReads ? audit(event) : Effect.void),
        }
      }

      return {
        use: Effect.fnUntraced(function* (principal, use) {
          const now = yield* Clock.currentTimeMillis
          yield* attempt(() => checkPrincipal(principal))
          const home = workspaceHome(storeId, principal.workspace)
          const outcome = yield* keyring.use(home, (keys) =>
            Effect.map(use(open(principal, principal.workspace, keys, now)), (result) => ({ result })),
          )
          if (outcome !== undefined) return outcome.result
          const [info] = yield* storage.read(home.partition, [layout.workspaceInfo()])
          if (info !== undefined) {
            const record = nameOf({ partition: home.partition, ...home.ref })
            return yield* Effect.fail(
              new StrongroomError("KEYSET_MISSING", `record ${record} is missing, but its owner exists`, { record }),
            )
          }
          // A token's pointer that leads to nothing is no token.
          return yield* Effect.fail(
            principal.token === undefined
              ? new StrongroomError("WORKSPACE_NOT_FOUND", `workspace ${principal.workspace} does not exist`)
              : new StrongroomError("UNAUTHENTICATED", "the API token is not known"),
          )
        }),
      }
    }),
  )
}

export const workspaceHome = (storeId: string, workspaceId: string): KeysHome => ({
  partition: workspaceId,
  ref: layout.workspaceKeys(),
  context: { purpose: "workspace-key", storeId, workspaceId },
})
