import { Clock, Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput, Grants, HostId, PrincipalId, TokenId, WorkspaceId } from "../domain/fields.ts"
import type { Principal } from "../domain/permission.ts"
import { Crypto, Settings, Storage } from "../ports/services.ts"
import type { Address } from "../ports/storage.ts"
import { layout, type Ref } from "../records/layout.ts"
import { nameOf } from "../records/sealed-record.ts"
import type { WorkspaceKeys } from "../records/workspace-keys.ts"
import { attempt, attemptEffect } from "./attempt.ts"
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

        const pages = <A>(collection: string, refOf: (leaf: string) => Ref<A>) =>
          Effect.gen(function* () {
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

        /** `undefined`: to be tried again. */
        const commitDecision = <A>(
          decision: Decision<A>,
        ): Effect.Effect<{ readonly result: A } | undefined, EngineError> => {
          if (decision.next === "nothing") return Effect.succeed(decision)
          if (decision.next === "wait") return Effect.succeed(undefined)
          return Effect.map(prepare(decision.audit, decision), ({ status }) =>
            status === "committed" && decision.next === "done" ? decision : undefined,
          )
        }

        const transact = <A>(
          readRound: (round: number) => Effect.Effect<Snapshot, EngineError>,
          decide: (snapshot: Snapshot, round: number) => Decision<A>,
          round = 0,
        ): Effect.Effect<A, EngineError> =>
          Effect.flatMap(
            Effect.flatMap(readRound(round), (snapshot) =>
              // Not to be interrupted between the audit chain's next entry and the outcome of its commit.
              Effect.uninterruptible(attemptEffect(() => commitDecision(decide(snapshot, round)))),
            ),
            (done) => {
              if (done !== undefined) return Effect.succeed(done.result)
              if (round + 1 < rounds)
                return Effect.andThen(backOff(round), () => transact(readRound, decide, round + 1))
              return Effect.fail(
                new StrongroomError("STORAGE_BUSY", "others kept changing the same records; nothing was changed"),
              )
            },
          )

        const audit = (event: AuditEvent): Effect.Effect<void, EngineError> =>
          Effect.flatMap(Effect.uninterruptible(attemptEffect(() => prepare(event, { writes: [] }))), ({ status }) =>
            // The entry itself is all that can be in conflict, and then it is there. An adapter that says otherwise is wrong.
            status === "committed"
              ? Effect.void
              : Effect.fail(new StrongroomError("STORAGE_FAILED", "storage has refused an audit entry")),
          )

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

      const missing = Effect.fnUntraced(function* (principal: Principal) {
        const home = workspaceHome(storeId, principal.workspace)
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
      })

      return {
        use: (principal, use) =>
          Clock.clockWith((clock) => {
            const now = clock.currentTimeMillisUnsafe()
            return attemptEffect(() => {
              checkPrincipal(principal)
              return keyring.use(
                workspaceHome(storeId, principal.workspace),
                (keys) => use(open(principal, principal.workspace, keys, now)),
                () => missing(principal),
              )
            })
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
