import { Context, Deferred, Effect, Layer } from "effect"
import { equalConstantTime, erase } from "../crypto/bytes.ts"
import { type DataKeys, keyLength } from "../crypto/data-key.ts"
import { type EngineError, isStrongroomError, StrongroomError } from "../domain/errors.ts"
import { LruMap } from "../lru-map.ts"
import type { KeyContext } from "../ports/keys.ts"
import { Crypto, RootKeys, Storage } from "../ports/services.ts"
import type { StoredRecord } from "../ports/storage.ts"
import { type KeysetBody, unlockKeyset } from "../records/keyset.ts"
import { forgetMetadata, type layout } from "../records/layout.ts"
import { nameOf, nonceLength, type Place } from "../records/sealed-record.ts"
import {
  openWorkspaceKeys,
  sealWorkspaceKeys,
  splitWorkspaceKeys,
  type WorkspaceKeys,
} from "../records/workspace-keys.ts"
import { attempt } from "./attempt.ts"
import { Leased } from "./lease.ts"

const workspacesKept = 1_000
const compartmentsKept = 4_000

type KeysRef = ReturnType<typeof layout.workspaceKeys>

/** Where the keys of a workspace (or of the directory) are kept and what they are wrapped for. */
export interface KeysHome {
  readonly partition: string
  readonly ref: KeysRef
  readonly context: KeyContext
}

/** A compartment's keyset, unlocked. Use it without an await: the next one to unlock may erase it. */
export interface OpenKeyset {
  readonly keys: DataKeys
  readonly closedAt: number | null
}

interface KeptKeyset extends OpenKeyset {
  readonly record: StoredRecord
  readonly sequence: number
}

/** The provider knows what a wrapped key is for; which record holds it is known here. */
const naming =
  (record: string) =>
  (error: EngineError): EngineError => {
    const message = `record ${record}: ${error.message}`
    if (error.code === "INTEGRITY") return new StrongroomError(error.code, message, { ...error.details, record })
    if (error.code === "ROOT_KEY_UNKNOWN") return new StrongroomError(error.code, message, { ...error.details, record })
    return error
  }

const isBytes = (bytes: Uint8Array): boolean => bytes instanceof Uint8Array && bytes.length > 0
const isKey = (key: Uint8Array): boolean => isBytes(key) && key.length === keyLength

const keysetName = (partition: string, compartment: string): string =>
  nameOf({ partition, collection: "keyset", leaf: compartment })

/** The keys that this process has unwrapped, and the highest keyset sequence numbers it has seen. */
export class Keyring extends Context.Service<
  Keyring,
  {
    /** Leases the keys for as long as `use` runs; `missing` runs when there is no such record. */
    readonly use: <A>(
      home: KeysHome,
      use: (keys: WorkspaceKeys) => Effect.Effect<A, EngineError>,
      missing: () => Effect.Effect<A, EngineError>,
    ) => Effect.Effect<A, EngineError>
    /** Makes and wraps new keys; gives the record that keeps them, and the keys. */
    readonly create: (
      home: KeysHome,
      revision: string,
      now: number,
    ) => Effect.Effect<{ readonly record: StoredRecord; readonly keys: WorkspaceKeys }, EngineError>
    /** The highest sequence number seen of a keyset: take it before the read whose answer it shall judge. */
    readonly floor: (partition: string, compartment: string) => number
    /** This process has itself committed a keyset with this sequence number. */
    readonly committed: (partition: string, compartment: string, sequence: number) => void
    /** Throws `INTEGRITY` or `KEYSET_ROLLED_BACK`. `open` is called unless these very bytes are unlocked already. */
    readonly unlock: (place: Place, floor: number, record: StoredRecord, open: () => KeysetBody) => OpenKeyset
  }
>()("@strongroom/core/Keyring") {
  static readonly layer = Layer.effect(
    Keyring,
    Effect.gen(function* () {
      const storage = yield* Storage
      const provider = yield* RootKeys
      const { cipher, random } = yield* Crypto

      const kept = new LruMap<Leased<WorkspaceKeys>>(workspacesKept, (leased) => leased.retire())
      const loading = new Map<string, Deferred.Deferred<Leased<WorkspaceKeys> | undefined, EngineError>>()
      const keysets = new LruMap<KeptKeyset>(compartmentsKept, ({ keys }) => keys.erase())
      /** Never forgotten while the process lives: forgetting would let a rollback pass. About 100 bytes each. */
      const sequences = new Map<string, number>()

      const rise = (name: string, sequence: number, floor: number): void => {
        if (sequence < floor) {
          throw new StrongroomError(
            "KEYSET_ROLLED_BACK",
            `record ${name} is older than one that this process has seen`,
            { record: name },
          )
        }
        sequences.set(name, Math.max(sequence, sequences.get(name) ?? 0))
      }

      /** An answer that does not fit is the provider's failure, not damage of what is stored. */
      const callProvider = <A>(
        call: string,
        fits: (answer: A) => boolean,
        run: () => Promise<A>,
      ): Effect.Effect<A, EngineError> =>
        Effect.tryPromise({
          try: async () => {
            const answer = await run()
            if (fits(answer)) return answer
            throw new Error("not what the port says")
          },
          catch: (error) => {
            if (isStrongroomError(error)) return error
            const code: unknown =
              typeof error === "object" && error !== null && "code" in error ? error.code : undefined
            if (code === "ROOT_KEY_UNKNOWN")
              return new StrongroomError(code, "the key provider does not hold this store's root key")
            if (code === "INTEGRITY") return new StrongroomError(code, "the key provider found a wrapped key changed")
            // Not the provider's own message: it has handled keys.
            return new StrongroomError("KEY_PROVIDER_FAILED", `the key provider failed to ${call} a key`)
          },
        })

      const load = Effect.fnUntraced(function* ({ partition, ref, context }: KeysHome) {
        const name = nameOf({ partition, ...ref })
        const floor = sequences.get(name) ?? 0
        const [record] = yield* storage.read(partition, [ref])
        if (record === undefined) return undefined
        const place = { partition, collection: ref.collection, leaf: ref.leaf, revision: record.revision }
        const { prefix, wrapped } = yield* attempt(() => splitWorkspaceKeys(place, record.bytes))
        const workspaceKey = yield* callProvider("unwrap", isKey, () => provider.unwrap(wrapped, context)).pipe(
          Effect.mapError(naming(name)),
        )
        return yield* attempt(() => {
          const keys = openWorkspaceKeys(cipher, ref, place, record.bytes, prefix, workspaceKey)
          rise(name, keys.sequence, floor)
          return new Leased(keys)
        }).pipe(Effect.ensuring(Effect.sync(() => erase(workspaceKey))))
      })

      /** However many ask at once, the provider is asked once. */
      const loadOnce = Effect.fnUntraced(function* (home: KeysHome) {
        const running = loading.get(home.partition)
        if (running !== undefined) return yield* Deferred.await(running)
        const deferred = Deferred.makeUnsafe<Leased<WorkspaceKeys> | undefined, EngineError>()
        loading.set(home.partition, deferred)
        const exit = yield* Effect.exit(load(home))
        loading.delete(home.partition)
        if (exit._tag === "Success" && exit.value !== undefined) kept.set(home.partition, exit.value)
        Deferred.doneUnsafe(deferred, exit)
        return yield* exit
      }, Effect.uninterruptible)

      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          kept.clear()
          keysets.clear()
          forgetMetadata()
        }),
      )

      return {
        use: (home, use, missing) =>
          Effect.suspend(() => {
            type Using = ReturnType<typeof use>
            let held: Leased<WorkspaceKeys> | undefined
            const taking = (leased: Leased<WorkspaceKeys>) => {
              if (!leased.take()) return undefined
              held = leased
              return use(leased.keys)
            }
            const leasing = (): Using => {
              const leased = kept.get(home.partition)
              return (leased && taking(leased)) ?? afterLoading
            }
            const afterLoading: Using = Effect.flatMap(loadOnce(home), (loaded) =>
              // Between loading and taking it may have been erased again, when very many workspaces are in use.
              loaded === undefined ? missing() : (taking(loaded) ?? leasing()),
            )
            // The lease is taken inside, so no interruption falls between taking it and the promise to give it back.
            return Effect.onExitPrimitive(Effect.suspend(leasing), () => {
              held?.giveBack()
              return undefined
            })
          }),

        create: Effect.fnUntraced(function* ({ partition, ref, context }: KeysHome, revision: string, now: number) {
          const workspaceKey = random(keyLength)
          const wrapped = yield* callProvider("wrap", isBytes, () => provider.wrap(workspaceKey.slice(), context))
          return yield* attempt(() => {
            const place = { partition, collection: ref.collection, leaf: ref.leaf, revision }
            const secrets = random(2 * keyLength)
            const bytes = sealWorkspaceKeys(cipher, random(nonceLength), place, workspaceKey, wrapped, secrets, now)
            const { prefix } = splitWorkspaceKeys(place, bytes)
            const keys = openWorkspaceKeys(cipher, ref, place, bytes, prefix, workspaceKey)
            erase(secrets, workspaceKey)
            return { record: { revision, bytes }, keys }
          })
        }),

        floor: (partition, compartment) => sequences.get(keysetName(partition, compartment)) ?? 0,

        committed: (partition, compartment, sequence) => rise(keysetName(partition, compartment), sequence, 0),

        unlock: (place, floor, record, open) => {
          const name = nameOf(place)
          const known = keysets.get(name)
          // Bytes, not the revision alone: somebody who edits the database keeps the revision.
          if (known?.record.revision === record.revision && equalConstantTime(known.record.bytes, record.bytes)) {
            rise(name, known.sequence, floor)
            return known
          }
          const body = open()
          rise(name, body.metadata.sequence, floor)
          const keys = unlockKeyset(name, place.partition, place.leaf, body)
          erase(body.secrets)
          const { closedAt, sequence } = body.metadata
          // Not `slice`, which on a Buffer is a view: the bytes given may be a piece of a larger block.
          const opened = { keys, closedAt, record: { ...record, bytes: new Uint8Array(record.bytes) }, sequence }
          keysets.set(name, opened)
          return opened
        },
      }
    }),
  )
}
