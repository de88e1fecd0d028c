import { Context, Effect, Layer, Schema } from "effect"
import { keyLength } from "../crypto/data-key.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput, EnvironmentId, SlugOrId, VaultId } from "../domain/fields.ts"
import type { Compartment } from "../domain/model.ts"
import { type Grant, may, type Principal, type Scope } from "../domain/permission.ts"
import { Crypto } from "../ports/services.ts"
import type { Address } from "../ports/storage.ts"
import { rotated } from "../records/keyset.ts"
import { layout } from "../records/layout.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { Keyring } from "./keyring.ts"
import { Locator, projectIn } from "./locator.ts"
import { operation } from "./operation.ts"
import { putKeyset } from "./plan.ts"
import { readableEnvironments } from "./read-secrets.ts"
import { type Session, Sessions } from "./sessions.ts"
import type { Snapshot } from "./snapshot.ts"
import { vaultIn } from "./vaults.ts"

const decodeCompartment = decodeInput(
  Schema.Union([Schema.Struct({ project: SlugOrId, environment: EnvironmentId }), Schema.Struct({ vault: VaultId })]),
)

/** Renews the data keys of compartments. */
export class Rotation extends Context.Service<
  Rotation,
  {
    /** Needs `admin` on the compartment. Later writes use the new key; what is stored stays readable under the old one. */
    readonly rotate: (principal: Principal, compartment: Compartment) => Effect.Effect<void, EngineError>
  }
>()("@strongroom/core/Rotation") {
  static readonly layer = Layer.effect(
    Rotation,
    Effect.gen(function* () {
      const { random } = yield* Crypto
      const sessions = yield* Sessions
      const locator = yield* Locator
      const keyring = yield* Keyring

      const rotateKeyset = (session: Session, id: string, scope: Scope, mustExist: SeeCompartment) => {
        const { principal, transact, read, partition, now } = session
        const keysetRef = layout.keyset(id)
        const rotating = transact(
          () => read([...authorityOf(principal), ...mustExist.addresses, keysetRef]),
          (snapshot) => {
            const grants = grantsOf(principal, snapshot, now)
            mustExist.check(snapshot, grants)
            if (!may(grants, "admin", scope)) throw new StrongroomError("FORBIDDEN", `admin on ${id} is needed`)
            const keyset = rotated(snapshot.keysetBody(id), partition, random(keyLength), now)
            return {
              next: "done",
              writes: [putKeyset(snapshot.revision(keysetRef), keyset)],
              audit: { action: "key.rotate", subject: { compartment: id } },
              result: keyset.metadata.sequence,
            }
          },
        )
        // The keyset before it is refused from now on, though this process may not have read the new one yet.
        return Effect.map(rotating, (sequence) => keyring.committed(partition, id, sequence))
      }

      return {
        rotate: operation("Rotation.rotate")(function* (principal, input) {
          const compartment = yield* attempt(() => decodeCompartment(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              if ("vault" in compartment) {
                const { vault } = compartment
                return yield* rotateKeyset(
                  session,
                  vault,
                  { type: "vault", vault },
                  {
                    addresses: [layout.vault(vault)],
                    check: (snapshot, grants) => void vaultIn(snapshot, vault, grants),
                  },
                )
              }
              const located = yield* locator.locate(session, compartment)
              const environment = compartment.environment.toLowerCase()
              const scope = { type: "environment", project: located.id, environment } as const
              return yield* rotateKeyset(session, environment, scope, {
                addresses: [layout.project(located.id)],
                check: (snapshot, grants) =>
                  void readableEnvironments(projectIn(snapshot, located, grants), grants, environment),
              })
            }),
          )
        }),
      }
    }),
  )
}

/** How a compartment's owner is looked for: what to read, and what throws when it is absent or invisible. */
interface SeeCompartment {
  readonly addresses: readonly Address[]
  readonly check: (snapshot: Snapshot, grants: readonly Grant[]) => void
}
