import { Context, Effect, Layer, Schema } from "effect"
import { type EngineError, invalidInput, StrongroomError } from "../domain/errors.ts"
import { decodeInput, EnvKey, NonEmptySecretText } from "../domain/fields.ts"
import type { NewVaultSecret, VaultSecret } from "../domain/model.ts"
import { may, type Principal } from "../domain/permission.ts"
import { canonicalDomainList } from "../domains.ts"
import { Settings } from "../ports/services.ts"
import { withClosedAt } from "../records/keyset.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { put, putKeyset } from "./plan.ts"
import { type Decision, Sessions } from "./sessions.ts"
import { decodeVaultId, vaultIn } from "./vaults.ts"

/** A vault that stays closed for longer was left so by a process that died. */
const closedForAtMost = 60_000

const decodeNew = decodeInput(
  Schema.Struct({
    envKey: EnvKey,
    value: NonEmptySecretText,
    allowedDomains: Schema.optional(Schema.Array(Schema.String)),
  }),
)

const canonicalDomains = (patterns: readonly string[], settings: DomainSettings): readonly string[] => {
  if (settings.required === true && patterns.length === 0) {
    throw invalidInput("allowedDomains", "must hold at least one domain")
  }
  const result = canonicalDomainList(patterns, settings)
  if (result.ok) return result.domains
  const path = result.index === undefined ? "allowedDomains" : `allowedDomains[${result.index}]`
  throw new StrongroomError("INVALID_DOMAIN", `${path}: ${result.message}`, { path, reason: result.reason })
}

type DomainSettings = NonNullable<(typeof Settings)["Service"]["allowedDomains"]>

const shown = ({ id, envKey, allowedDomains, createdAt, updatedAt }: typeof schemas.VaultSecret.Type): VaultSecret => ({
  id,
  envKey,
  allowedDomains,
  createdAt: new Date(createdAt),
  updatedAt: new Date(updatedAt),
})

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
  }
>()("@strongroom/core/VaultSecrets") {
  static readonly layer = Layer.effect(
    VaultSecrets,
    Effect.gen(function* () {
      const { allowedDomains: domainSettings = {} } = yield* Settings
      const sessions = yield* Sessions

      return {
        create: Effect.fn("VaultSecrets.create")(function* (principal, vaultId, input) {
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
                const grants = grantsOf(principal, snapshot, now)
                vaultIn(snapshot, vault, grants)
                if (!may(grants, "read-write", { type: "vault", vault })) {
                  throw new StrongroomError("FORBIDDEN", `read-write on vault ${vault} is needed`, { vault })
                }
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
                  unchanged: [{ collection: keysetRef.collection, leaf: keysetRef.leaf, revision: keysetRevision }],
                  audit: { action: "vault-secret.create", subject: { vault, secret: id, envKey, allowedDomains } },
                  result: shown(stored),
                }
              },
            )
          })
        }),

        list: Effect.fn("VaultSecrets.list")(function* (principal, vaultId) {
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
      }
    }),
  )
}
