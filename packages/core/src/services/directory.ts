import { Clock, Context, Effect, Layer } from "effect"
import { equalConstantTime, fromBase64Url, toBase64Url } from "../crypto/bytes.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { uuid, uuidRandomLength } from "../domain/ids.ts"
import { LruMap } from "../lru-map.ts"
import { Crypto, RootKeys, Storage } from "../ports/services.ts"
import { directoryLayout, directoryPartition, type Ref, storePartition } from "../records/layout.ts"
import { metadataVersion } from "../records/schemas.ts"
import type { WorkspaceKeys } from "../records/workspace-keys.ts"
import { attempt } from "./attempt.ts"
import { Keyring, type KeysHome } from "./keyring.ts"
import { put } from "./plan.ts"
import { Snapshot } from "./snapshot.ts"
import { Transactions } from "./transactions.ts"

const storeFormat = 1
const pointersKept = 10_000

/** Whom a token stands for. Its record in the workspace has the last word. */
export interface TokenTarget {
  readonly workspace: string
  readonly principal: string
  readonly token: string
}

const directoryHome = (storeId: string): KeysHome => ({
  partition: storePartition,
  ref: directoryLayout.keys(),
  context: { purpose: "directory-key", storeId, workspaceId: "" },
})

/**
 * The store as a whole: its marker, and immutable pointers for whatever arrives without a workspace. Pointers are
 * written after what they point to, and one that points to nothing counts as absent.
 */
export class Directory extends Context.Service<
  Directory,
  {
    readonly storeId: string
    readonly findWorkspace: (slug: string) => Effect.Effect<string | undefined, EngineError>
    readonly addWorkspace: (slug: string, workspace: string) => Effect.Effect<void, EngineError>
    /** `hash`: SHA-256 of the token's text. */
    readonly findToken: (hash: Uint8Array) => Effect.Effect<TokenTarget | undefined, EngineError>
    readonly addToken: (hash: Uint8Array, target: TokenTarget) => Effect.Effect<void, EngineError>
    /** Reads the store's marker. */
    readonly ping: Effect.Effect<void, EngineError>
  }
>()("@strongroom/core/Directory") {
  /** Opens the store, or makes one where there is none. */
  static readonly layer = Layer.effect(
    Directory,
    Effect.gen(function* () {
      const storage = yield* Storage
      const { cipher, random } = yield* Crypto
      const provider = yield* RootKeys
      const keyring = yield* Keyring
      const transactions = yield* Transactions
      const slugs = new LruMap<string>(pointersKept)
      const tokens = new LruMap<TokenTarget>(pointersKept)

      const readRef = <A>(partition: string, keys: WorkspaceKeys, ref: Ref<A>) =>
        Effect.flatMap(storage.read(partition, [ref]), (records) =>
          attempt(() => {
            const source = { partition, cipher, metadataKeys: keys.metadata, unlock: keyring.unlock, floors: new Map() }
            return new Snapshot(source, [ref], records).get(ref)
          }),
        )

      const findStore = Effect.fnUntraced(function* () {
        const { records } = yield* storage.list(storePartition, "marker", { limit: 2, maxBytes: 65_536 })
        if (records.length > 1) {
          return yield* Effect.fail(new StrongroomError("INTEGRITY", "the store has two markers"))
        }
        return records[0]?.leaf
      })

      const createStore = Effect.fnUntraced(function* () {
        const now = yield* Clock.currentTimeMillis
        const storeId = uuid(random(uuidRandomLength))
        const home = directoryHome(storeId)
        const revision = transactions.revision(now)
        const { record, keys } = yield* keyring.create(home, revision, now)
        const marker = {
          v: metadataVersion,
          format: storeFormat,
          rootFingerprint: provider.fingerprint,
          createdAt: now,
        } as const
        const target = { partition: storePartition, keys }
        const committing = attempt(() =>
          transactions.preparePointer(target, directoryLayout.receipt(revision), now, {
            writes: [put(directoryLayout.marker(storeId), undefined, marker)],
            sealed: [{ collection: home.ref.collection, leaf: home.ref.leaf, record }],
          }),
        )
        yield* Effect.flatten(committing).pipe(Effect.ensuring(Effect.sync(() => keys.erase())))
      })

      const openStore = Effect.fnUntraced(function* () {
        let storeId = yield* findStore()
        if (storeId === undefined) {
          // Of several processes that start at once one creates the store; the others find its.
          yield* createStore()
          storeId = yield* findStore()
        }
        if (storeId === undefined) {
          return yield* Effect.fail(new StrongroomError("INTEGRITY", "the store has keys, but its marker is missing"))
        }
        const ref = directoryLayout.marker(storeId)
        const marker = yield* keyring.use(
          directoryHome(storeId),
          (keys) => readRef(storePartition, keys, ref),
          () => Effect.succeed(undefined),
        )
        if (marker === undefined) {
          return yield* Effect.fail(
            new StrongroomError("INTEGRITY", "the store has a marker, but its keys are missing"),
          )
        }
        if (marker.format > storeFormat) {
          return yield* Effect.fail(
            new StrongroomError(
              "FORMAT_UNSUPPORTED",
              `the store has format ${marker.format}; this release knows ${storeFormat}`,
            ),
          )
        }
        return storeId
      })

      const storeId = yield* openStore()
      const home = directoryHome(storeId)

      const withKeys = <A>(use: (keys: WorkspaceKeys) => Effect.Effect<A, EngineError>) =>
        keyring.use(home, use, () => Effect.fail(new StrongroomError("INTEGRITY", "the directory's keys are missing")))

      const find = <A>(refFor: (keys: WorkspaceKeys) => Ref<A>) =>
        withKeys((keys) => {
          const ref = refFor(keys)
          return readRef(directoryPartition(ref.leaf), keys, ref)
        })

      /** `false` when the place is taken. */
      const add = <A extends object>(refFor: (keys: WorkspaceKeys) => Ref<A>, pointer: A) =>
        withKeys((keys) =>
          Effect.gen(function* () {
            const now = yield* Clock.currentTimeMillis
            const ref = refFor(keys)
            const target = { partition: directoryPartition(ref.leaf), keys }
            const receipt = directoryLayout.receipt(transactions.revision(now))
            const changes = { writes: [put(ref, undefined, pointer)] }
            const { status } = yield* yield* attempt(() => transactions.preparePointer(target, receipt, now, changes))
            return status === "committed"
          }),
        )

      const slugRef = (slug: string) => (keys: WorkspaceKeys) =>
        directoryLayout.workspacePointer(keys.index.leaf("workspace-slug", slug))
      const tokenRef = (hash: string) => (keys: WorkspaceKeys) =>
        directoryLayout.tokenPointer(keys.index.leaf("token", hash))

      return {
        storeId,
        findWorkspace: Effect.fnUntraced(function* (slug) {
          const kept = slugs.get(slug)
          if (kept !== undefined) return kept
          const pointer = yield* find(slugRef(slug))
          if (pointer === undefined) return undefined
          slugs.set(slug, pointer.workspace)
          return pointer.workspace
        }),
        addWorkspace: Effect.fnUntraced(function* (slug, workspace) {
          if (yield* add(slugRef(slug), { v: metadataVersion, workspace })) return
          return yield* Effect.fail(new StrongroomError("SLUG_TAKEN", `workspace slug ${slug} is taken`))
        }),
        findToken: Effect.fnUntraced(function* (hash) {
          const text = toBase64Url(hash)
          const kept = tokens.get(text)
          if (kept !== undefined) return kept
          const pointer = yield* find(tokenRef(text))
          if (pointer === undefined || !equalConstantTime(fromBase64Url(pointer.hash), hash)) return undefined
          const target = { workspace: pointer.workspace, principal: pointer.principal, token: pointer.token }
          tokens.set(text, target)
          return target
        }),
        addToken: Effect.fnUntraced(function* (hash, target) {
          const text = toBase64Url(hash)
          if (yield* add(tokenRef(text), { v: metadataVersion, ...target, hash: text })) return
          return yield* Effect.fail(new StrongroomError("TOKEN_EXISTS", "this token is in use already"))
        }),
        ping: Effect.asVoid(storage.read(storePartition, [directoryLayout.marker(storeId)])),
      }
    }),
  )
}
