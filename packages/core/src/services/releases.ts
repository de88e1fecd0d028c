import { Context, Effect, Layer, Schema } from "effect"
import { erase } from "../crypto/bytes.ts"
import { hostRefusal } from "../domain/domain-match.ts"
import { storedPattern } from "../domain/domain-pattern.ts"
import {
  type ReleaseRefusalReason,
  readTarget,
  refuseRelease,
  releaseRefusals,
  type TargetResult,
} from "../domain/domain-target.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput, EnvKey, VaultId } from "../domain/fields.ts"
import type { ReleasedSecret, ReleaseOptions } from "../domain/model.ts"
import { may, type Principal } from "../domain/permission.ts"
import { hostParser } from "../host-parser.ts"
import { Settings } from "../ports/services.ts"
import { layout } from "../records/layout.ts"
import { attempt } from "./attempt.ts"
import type { AuditEvent } from "./audit-chain.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { operation } from "./operation.ts"
import { Sessions } from "./sessions.ts"
import type { Snapshot } from "./snapshot.ts"
import { vaultIn } from "./vaults.ts"

const decode = decodeInput(
  Schema.Struct({
    vault: VaultId,
    envKey: EnvKey,
    purpose: Schema.optional(Schema.Literals(["release", "forward"])),
    allowCleartext: Schema.optional(Schema.Boolean),
  }),
)

const neededFor = { release: "read", forward: "use" } as const

/** `host`: also of a refused target, where it has a canonical one. */
type Verdict = TargetResult & { readonly host?: string }

const secretNotFound = (vault: string, envKey: string) =>
  new StrongroomError("SECRET_NOT_FOUND", `secret ${envKey} does not exist in vault ${vault}`, { vault, envKey })

const denied = (vault: string, envKey: string, reason: ReleaseRefusalReason): StrongroomError<"RELEASE_DENIED"> =>
  new StrongroomError(
    "RELEASE_DENIED",
    `secret ${envKey} of vault ${vault} is not released: ${releaseRefusals[reason]}`,
    {
      vault,
      envKey,
      reason,
    },
  )

/** The way of a vault secret's value out of the engine: towards a host that its allowed domains cover. */
export class Releases extends Context.Service<
  Releases,
  {
    /**
     * The value of a vault secret for a target (a URL, `host` or `host:port`). Every decision about the target is
     * audited before it is told, whatever `audit.reads` says. Fails with `RELEASE_DENIED`, `details.reason` a key of
     * `releaseRefusals`; with `FORBIDDEN`, `VAULT_NOT_FOUND` or `SECRET_NOT_FOUND`, which are not audited.
     */
    readonly release: (
      principal: Principal,
      vault: string,
      envKey: string,
      target: string,
      options?: ReleaseOptions,
    ) => Effect.Effect<ReleasedSecret, EngineError>
  }
>()("@strongroom/core/Releases") {
  static readonly layer = Layer.effect(
    Releases,
    Effect.gen(function* () {
      const { allowedDomains: matching = {} } = yield* Settings
      const sessions = yield* Sessions

      /** `patterns` are canonical already; what is stored is compared as it is. */
      const judge = (patterns: readonly string[], target: string, allowCleartext: boolean): Verdict => {
        const read = readTarget(target, hostParser, allowCleartext)
        if (!read.allowed) {
          return read.reason === "insecure_scheme" ? { ...readTarget(target, hostParser, true), ...read } : read
        }
        const reason = hostRefusal(patterns.map(storedPattern), read.host, hostParser, matching)
        return reason === undefined ? read : { ...refuseRelease(reason), host: read.host }
      }

      return {
        release: operation("Releases.release")(function* (principal, vaultId, name, target, options = {}) {
          const request = yield* attempt(() => decode({ ...options, vault: vaultId, envKey: name }))
          const { vault, envKey, purpose = "release", allowCleartext = false } = request

          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* ({ read, audit, keys, now }) {
              const ref = layout.vaultSecret(vault, keys.index.leaf("vault-secret", vault, envKey))

              const decide = (snapshot: Snapshot) => {
                const grants = grantsOf(principal, snapshot, now)
                vaultIn(snapshot, vault, grants)
                const needed = neededFor[purpose]
                if (!may(grants, needed, { type: "vault", vault })) {
                  throw new StrongroomError("FORBIDDEN", `${needed} on vault ${vault} is needed`, { vault })
                }
                const opened = snapshot.value(ref, snapshot.keyset(vault).keys)
                if (opened === undefined) throw secretNotFound(vault, envKey)
                const { id, allowedDomains } = opened.metadata
                const verdict = judge(allowedDomains, target, allowCleartext)
                // A target that is no host name may hold anything, so nothing of it goes into the entry.
                const where = verdict.host === undefined ? {} : { host: verdict.host }
                const outcome = verdict.allowed ? "allowed" : verdict.reason
                const event: AuditEvent = {
                  action: `vault-secret.${purpose}`,
                  subject: { vault, secret: id, envKey, ...where, outcome },
                }
                if (verdict.allowed) {
                  const value = snapshot.decode(ref, opened.value)
                  return { event, answer: Effect.succeed({ value, host: verdict.host }) }
                }
                // Domains and value are sealed as one; what was opened to know the domains is wiped unread.
                erase(opened.value)
                return { event, answer: Effect.fail(denied(vault, envKey, verdict.reason)) }
              }

              const snapshot = yield* read([...authorityOf(principal), layout.vault(vault), layout.keyset(vault), ref])
              const { event, answer } = yield* attempt(() => decide(snapshot))
              yield* audit(event)
              return yield* answer
            }),
          )
        }),
      }
    }),
  )
}
