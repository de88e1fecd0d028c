import { Context, Effect, Layer, type Redacted, Schema } from "effect"
import { equalConstantTime, erase } from "../crypto/bytes.ts"
import type { DataKeys } from "../crypto/data-key.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput, EnvKey, NonEmptySecretText, reveal, VaultSecretId } from "../domain/fields.ts"
import type { NewVaultSecret, VaultSecret, VaultSecretChanges } from "../domain/model.ts"
import { type Grant, may, type Principal } from "../domain/permission.ts"
import { utf8 } from "../domain/text.ts"
import { widens } from "../domains.ts"
import { Settings } from "../ports/services.ts"
import type { Address, Check } from "../ports/storage.ts"
import { withClosedAt } from "../records/keyset.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { metadataVersion } from "../records/schemas.ts"
import { nameOf } from "../records/sealed-record.ts"
import { canonicalDomains, checkRequired } from "./allowed-domains.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { operation } from "./operation.ts"
import { put, putKeyset, remove } from "./plan.ts"
import { type Decision, type Session, Sessions } from "./sessions.ts"
import type { Snapshot } from "./snapshot.ts"
import { decodeVaultId, vaultIn } from "./vaults.ts"

/** A vault that stays closed for longer was left so by a process that died. */
const closedForAtMost = 60_000

const decodeSecretId = decodeInput(VaultSecretId)

const decodeNew = decodeInput(
  Schema.Struct({
    envKey: EnvKey,
    value: NonEmptySecretText,
    allowedDomains: Schema.optional(Schema.Array(Schema.String)),
  }),
)

const decodeChanges = decodeInput(
  Schema.Struct({
    value: Schema.optional(NonEmptySecretText),
    allowedDomains: Schema.optional(Schema.Array(Schema.String)),
  }),
)

const shown = ({ id, envKey, allowedDomains, createdAt, updatedAt }: typeof schemas.VaultSecret.Type): VaultSecret => ({
  id,
  envKey,
  allowedDomains,
  createdAt: new Date(createdAt),
  updatedAt: new Date(updatedAt),
})

const secretNotFound = (vault: string, secret: string) =>
  new StrongroomError("SECRET_NOT_FOUND", `secret ${secret} does not exist in vault ${vault}`, { vault, secret })

const writableVaultIn = (snapshot: Snapshot, vault: string, grants: readonly Grant[]): void => {
  vaultIn(snapshot, vault, grants)
  if (may(grants, "read-write", { type: "vault", vault })) return
  throw new StrongroomError("FORBIDDEN", `read-write on vault ${vault} is needed`, { vault })
}

const sameList = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((item, index) => item === right[index])

const isText = (text: Redacted.Redacted<string>, bytes: Uint8Array): boolean => {
  const own = utf8(reveal(text))
  const same = equalConstantTime(own, bytes)
  erase(own)
  return same
}

const checkOf = (snapshot: Snapshot, { collection, leaf }: Address): Check => ({
  collection,
  leaf,
  revision: snapshot.revision({ collection, leaf }),
})

/** A secret that a pointer led to. */
interface Found {
  readonly ref: ReturnType<typeof layout.vaultSecret>
  readonly pointerRef: Address
  readonly envKey: string
  readonly vaultKeys: DataKeys
  readonly keyset: Check
}

/** The secrets of vaults: a value that is bound to the domains it may be used for. */
export class VaultSecrets extends Context.Service<
  VaultSecrets,
  {
    readonly create: (
      principal: Principal,
      vault: string,
      input: NewVaultSecret,
    ) => Effect.Effect<VaultSecret, EngineError>
    /** In the order of creation, without values. */
    readonly list: (principal: Principal, vault: string) => Effect.Effect<readonly VaultSecret[], EngineError>
    /**
     * Changes that change nothing write nothing. A commit that lets the value go to a host it could not go to before is
     * audited as `vault-secret.widen`, any other as `vault-secret.update`.
     */
    readonly update: (
      principal: Principal,
      vault: string,
      secret: string,
      changes: VaultSecretChanges,
    ) => Effect.Effect<VaultSecret, EngineError>
    readonly remove: (principal: Principal, vault: string, secret: string) => Effect.Effect<void, EngineError>
  }
>()("@strongroom/core/VaultSecrets") {
  static readonly layer = Layer.effect(
    VaultSecrets,
    Effect.gen(function* () {
      const { allowedDomains: domainSettings = {} } = yield* Settings
      const sessions = yield* Sessions

      /**
       * Reads and commits a decision about one secret, which its id leads to through its pointer. Pointer and secret come
       * and go in one commit, and checking the keyset keeps the vault and its key as they were read.
       */
      const change = Effect.fnUntraced(function* <A>(
        { principal, partition, transact, read, keys, now }: Session,
        vault: string,
        id: string,
        decide: (snapshot: Snapshot, found: Found) => Decision<A>,
      ) {
        const pointerRef = layout.vaultSecretPointer(id)
        const keysetRef = layout.keyset(vault)
        const pointerIn = (snapshot: Snapshot) => {
          writableVaultIn(snapshot, vault, grantsOf(principal, snapshot, now))
          const pointer = snapshot.get(pointerRef)
          if (pointer?.vault !== vault) throw secretNotFound(vault, id)
          return pointer
        }
        const base = [...authorityOf(principal), layout.vault(vault), pointerRef]
        const pointer = yield* Effect.flatMap(read(base), (snapshot) => attempt(() => pointerIn(snapshot)))
        const ref = layout.vaultSecret(vault, keys.index.leaf("vault-secret", vault, pointer.envKey))
        return yield* transact(
          () => read([...base, keysetRef, ref]),
          (snapshot) => {
            const { envKey } = pointerIn(snapshot)
            if (snapshot.revision(ref) === undefined) {
              const record = nameOf({ partition, ...ref })
              throw new StrongroomError("INTEGRITY", `record ${record} is missing, but its pointer exists`, { record })
            }
            const { keys: vaultKeys } = snapshot.keyset(vault)
            return decide(snapshot, { ref, pointerRef, envKey, vaultKeys, keyset: checkOf(snapshot, keysetRef) })
          },
        )
      })

      return {
        create: operation("VaultSecrets.create")(function* (principal, vaultId, input) {
          const [vault, { envKey, value, allowedDomains: patterns = [] }] = yield* attempt(
            () => [decodeVaultId(vaultId), decodeNew(input)] as const,
          )
          const allowedDomains = yield* attempt(() => canonicalDomains(patterns, domainSettings))
          return yield* sessions.use(principal, ({ transact, read, keys, newId, now }) => {
            const ref = layout.vaultSecret(vault, keys.index.leaf("vault-secret", vault, envKey))
            const keysetRef = layout.keyset(vault)
            const id = newId("sec_")
            return transact(
              () => read([...authorityOf(principal), layout.vault(vault), keysetRef, ref]),
              (snapshot): Decision<VaultSecret> => {
                writableVaultIn(snapshot, vault, grantsOf(principal, snapshot, now))
                const { keys: vaultKeys, closedAt } = snapshot.keyset(vault)
                const existing = snapshot.value(ref, vaultKeys)
                if (existing !== undefined) {
                  existing.value.fill(0)
                  throw new StrongroomError("SECRET_EXISTS", `secret ${envKey} exists already in vault ${vault}`, {
                    names: [envKey],
                  })
                }
                const keysetRevision = snapshot.revision(keysetRef)
                if (closedAt !== null) {
                  if (now - closedAt <= closedForAtMost) return { next: "wait" }
                  return {
                    next: "again",
                    writes: [putKeyset(keysetRevision, withClosedAt(snapshot.keysetBody(vault), null))],
                    audit: { action: "vault.reopen", subject: { vault } },
                  }
                }
                const v = metadataVersion
                const stored = { v, id, vault, envKey, allowedDomains, createdAt: now, updatedAt: now } as const
                return {
                  next: "done",
                  writes: [
                    put(ref, undefined, stored, { value, keys: vaultKeys }),
                    put(layout.vaultSecretPointer(id), undefined, { v, id, vault, envKey }),
                  ],
                  unchanged: [checkOf(snapshot, keysetRef)],
                  audit: { action: "vault-secret.create", subject: { vault, secret: id, envKey, allowedDomains } },
                  result: shown(stored),
                }
              },
            )
          })
        }),

        list: operation("VaultSecrets.list")(function* (principal, vaultId) {
          const vault = yield* attempt(() => decodeVaultId(vaultId))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* ({ read, page, now }) {
              const found: VaultSecret[] = []
              let after: string | undefined
              do {
                const { snapshot, leaves, next } = yield* page(`vsecret.${vault}`, after)
                // With every page: its keys are used at once, and a revocation in between ends the list.
                const authority = yield* read([...authorityOf(principal), layout.vault(vault), layout.keyset(vault)])
                found.push(
                  ...(yield* attempt(() => {
                    vaultIn(authority, vault, grantsOf(principal, authority, now))
                    const { keys } = authority.keyset(vault)
                    return leaves.flatMap((leaf) => {
                      const opened = snapshot.value(layout.vaultSecret(vault, leaf), keys)
                      if (opened === undefined) return []
                      opened.value.fill(0)
                      return [shown(opened.metadata)]
                    })
                  })),
                )
                after = next
              } while (after !== undefined)
              return found.sort((a, b) => (a.id < b.id ? -1 : 1))
            }),
          )
        }),

        update: operation("VaultSecrets.update")(function* (principal, vaultId, secretId, input) {
          const [vault, id, changes] = yield* attempt(
            () => [decodeVaultId(vaultId), decodeSecretId(secretId), decodeChanges(input)] as const,
          )
          const wanted = yield* attempt(
            () => changes.allowedDomains && canonicalDomains(changes.allowedDomains, domainSettings),
          )
          return yield* sessions.use(principal, (session) =>
            change(session, vault, id, (snapshot, { ref, envKey, vaultKeys: keys, keyset }): Decision<VaultSecret> => {
              const stored = snapshot.value(ref, keys)
              if (stored === undefined) throw secretNotFound(vault, id)
              const { allowedDomains: before } = stored.metadata
              const allowedDomains = wanted ?? before
              const newDomains = !sameList(before, allowedDomains)
              const newValue = changes.value !== undefined && !isText(changes.value, stored.value)
              // Whatever comes of it, the value that was there is needed no longer, unless it stays.
              if (newValue || !newDomains) erase(stored.value)
              if (!newValue && !newDomains) return { next: "nothing", result: shown(stored.metadata) }
              checkRequired(allowedDomains, domainSettings)
              const updated = { ...stored.metadata, allowedDomains, updatedAt: session.now }
              const widened = widens(before, allowedDomains, domainSettings)
              return {
                next: "done",
                writes: [
                  put(ref, snapshot.revision(ref), updated, { value: newValue ? changes.value : stored.value, keys }),
                ],
                unchanged: [keyset],
                audit: {
                  action: widened ? "vault-secret.widen" : "vault-secret.update",
                  subject: {
                    vault,
                    secret: id,
                    envKey,
                    changed: [...(newValue ? ["value"] : []), ...(newDomains ? ["allowedDomains"] : [])],
                    ...(newDomains ? { before, allowedDomains } : {}),
                  },
                },
                result: shown(updated),
              }
            }),
          )
        }),

        remove: operation("VaultSecrets.remove")(function* (principal, vaultId, secretId) {
          const [vault, id] = yield* attempt(() => [decodeVaultId(vaultId), decodeSecretId(secretId)] as const)
          return yield* sessions.use(principal, (session) =>
            // Not opened: a secret that cannot be read can still be removed.
            change(session, vault, id, (snapshot, { ref, pointerRef, envKey, keyset }) => ({
              next: "done",
              writes: [remove(ref, snapshot.revision(ref)), remove(pointerRef, snapshot.revision(pointerRef))],
              unchanged: [keyset],
              audit: { action: "vault-secret.remove", subject: { vault, secret: id, envKey } },
              result: undefined,
            })),
          )
        }),
      }
    }),
  )
}
