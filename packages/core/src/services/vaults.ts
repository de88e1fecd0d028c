import { Context, Effect, Layer, Schema } from "effect"
import { keyLength } from "../crypto/data-key.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { Description, DisplayName, decodeInput, VaultId } from "../domain/fields.ts"
import type { Vault } from "../domain/model.ts"
import { type Grant, may, type Principal } from "../domain/permission.ts"
import { Crypto } from "../ports/services.ts"
import { newKeyset, withClosedAt } from "../records/keyset.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { operation } from "./operation.ts"
import { put, putKeyset, remove } from "./plan.ts"
import { type Session, Sessions } from "./sessions.ts"
import type { Snapshot } from "./snapshot.ts"

const decodeNew = decodeInput(Schema.Struct({ name: DisplayName, description: Schema.optional(Description) }))
export const decodeVaultId = decodeInput(VaultId)

type VaultMetadata = typeof schemas.Vault.Type

const shown = (vault: VaultMetadata, secretCount: number): Vault => ({
  id: vault.id,
  name: vault.name,
  description: vault.description,
  secretCount,
  createdAt: new Date(vault.createdAt),
  updatedAt: new Date(vault.updatedAt),
})

const vaultNotFound = (id: string) =>
  new StrongroomError("VAULT_NOT_FOUND", `vault ${id} does not exist`, { vault: id })

/** The vault in the snapshot; throws `VAULT_NOT_FOUND` when it is absent or invisible. */
export const vaultIn = (snapshot: Snapshot, id: string, grants: readonly Grant[]): VaultMetadata => {
  const vault = snapshot.get(layout.vault(id))
  if (vault !== undefined && may(grants, "use", { type: "vault", vault: id })) return vault
  throw vaultNotFound(id)
}

export class Vaults extends Context.Service<
  Vaults,
  {
    /** Needs `admin` on the workspace. */
    readonly create: (
      principal: Principal,
      input: { readonly name: string; readonly description?: string },
    ) => Effect.Effect<Vault, EngineError>
    /** Those the principal may use, in the order of their making. */
    readonly list: (principal: Principal) => Effect.Effect<readonly Vault[], EngineError>
    readonly remove: (principal: Principal, vault: string) => Effect.Effect<void, EngineError>
  }
>()("@strongroom/core/Vaults") {
  static readonly layer = Layer.effect(
    Vaults,
    Effect.gen(function* () {
      const { random } = yield* Crypto
      const sessions = yield* Sessions

      /** The port knows no counting, so this reads the records, a page at a time. */
      const countSecrets = Effect.fnUntraced(function* ({ page }: Session, vault: string) {
        let total = 0
        let after: string | undefined
        do {
          const { leaves, next } = yield* page(`vsecret.${vault}`, after)
          total += leaves.length
          after = next
        } while (after !== undefined)
        return total
      })

      /** Closes the vault to writers, or (`null`) opens it again. Needs `admin` on it. */
      const setClosed = ({ principal, transact, read, now }: Session, id: string, closedAt: number | null) => {
        const keysetRef = layout.keyset(id)
        return transact(
          () => read([...authorityOf(principal), layout.vault(id), keysetRef]),
          (snapshot) => {
            const grants = grantsOf(principal, snapshot, now)
            vaultIn(snapshot, id, grants)
            if (!may(grants, "admin", { type: "vault", vault: id })) {
              throw new StrongroomError("FORBIDDEN", `admin on vault ${id} is needed`, { vault: id })
            }
            const keyset = withClosedAt(snapshot.keysetBody(id), closedAt)
            return {
              next: "done",
              writes: [putKeyset(snapshot.revision(keysetRef), keyset)],
              audit: { action: closedAt === null ? "vault.reopen" : "vault.close", subject: { vault: id } },
              result: keyset.metadata.sequence,
            }
          },
        )
      }

      return {
        create: operation("Vaults.create")(function* (principal, input) {
          const { name, description = "" } = yield* attempt(() => decodeNew(input))
          return yield* sessions.use(principal, ({ transact, read, partition, newId, now }) => {
            const id = newId("vlt_")
            const vault = { v: metadataVersion, id, name, description, createdAt: now, updatedAt: now } as const
            return transact(
              () => read(authorityOf(principal)),
              (snapshot) => {
                if (!may(grantsOf(principal, snapshot, now), "admin", { type: "workspace" })) {
                  throw new StrongroomError("FORBIDDEN", "admin on the workspace is needed")
                }
                return {
                  next: "done",
                  writes: [
                    put(layout.vault(id), undefined, vault),
                    putKeyset(undefined, newKeyset(partition, id, random(keyLength), now)),
                  ],
                  audit: { action: "vault.create", subject: { vault: id, name } },
                  result: shown(vault, 0),
                }
              },
            )
          })
        }),

        list: operation("Vaults.list")(function* (principal) {
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const snapshot = yield* session.read(authorityOf(principal))
              const grants = yield* attempt(() => grantsOf(principal, snapshot, session.now))
              const vaults = yield* session.pages("vault", layout.vault)
              const visible = vaults.filter(({ id }) => may(grants, "use", { type: "vault", vault: id }))
              return yield* Effect.forEach(visible, (vault) =>
                Effect.map(countSecrets(session, vault.id), (total) => shown(vault, total)),
              )
            }),
          )
        }),

        remove: operation("Vaults.remove")(function* (principal, input) {
          const id = yield* attempt(() => decodeVaultId(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const { transact, read } = session
              const vaultRef = layout.vault(id)
              const keysetRef = layout.keyset(id)
              // Whether the vault is empty is a decision about a set, which no check can state: so it is closed first,
              // and removed only while still closed by us. If this process dies in between, a writer reopens it.
              const sequence = yield* setClosed(session, id, session.now)
              const secrets = yield* countSecrets(session, id)
              if (secrets > 0) {
                yield* setClosed(session, id, null)
                return yield* Effect.fail(
                  new StrongroomError(
                    "VAULT_NOT_EMPTY",
                    `cannot delete vault: vault still contains ${secrets} secret(s)`,
                    {
                      vault: id,
                      secrets,
                    },
                  ),
                )
              }
              yield* transact(
                () => read([vaultRef, keysetRef]),
                (snapshot) => {
                  if (snapshot.revision(vaultRef) === undefined) throw vaultNotFound(id)
                  const reopened = snapshot.keysetBody(id).metadata.sequence !== sequence
                  if (reopened) throw new StrongroomError("STORAGE_BUSY", `vault ${id} was in use; nothing was removed`)
                  return {
                    next: "done",
                    writes: [
                      remove(vaultRef, snapshot.revision(vaultRef)),
                      remove(keysetRef, snapshot.revision(keysetRef)),
                    ],
                    audit: { action: "vault.remove", subject: { vault: id } },
                    result: undefined,
                  }
                },
              )
            }),
          )
        }),
      }
    }),
  )
}
