import { Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { DisplayName, decodeInput, Grants, PrincipalId } from "../domain/fields.ts"
import type { StoredPrincipal } from "../domain/model.ts"
import { copyGrants, type Grant, mayAdminister, type Principal } from "../domain/permission.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { operation } from "./operation.ts"
import { put } from "./plan.ts"
import { Sessions } from "./sessions.ts"

const decodeNew = decodeInput(Schema.Struct({ name: DisplayName, grants: Grants }))
const decodeId = decodeInput(PrincipalId)
const decodeGrants = decodeInput(Grants)

const shown = ({ id, name, grants, createdAt }: typeof schemas.Principal.Type): StoredPrincipal => ({
  id,
  name,
  grants: copyGrants(grants),
  createdAt: new Date(createdAt),
})

const forbidden = () =>
  new StrongroomError("FORBIDDEN", "admin is needed on every scope that is granted, before and after")

/** Principals that the engine keeps, and their grants. */
export class Principals extends Context.Service<
  Principals,
  {
    /** Needs `admin` on every scope that is granted. */
    readonly create: (
      principal: Principal,
      input: { readonly name: string; readonly grants: readonly Grant[] },
    ) => Effect.Effect<StoredPrincipal, EngineError>
    /** One's own, or any with `admin` somewhere. */
    readonly get: (principal: Principal, id: string) => Effect.Effect<StoredPrincipal, EngineError>
    /** Needs `admin` on every scope that was or will be granted. */
    readonly setGrants: (
      principal: Principal,
      id: string,
      grants: readonly Grant[],
    ) => Effect.Effect<StoredPrincipal, EngineError>
  }
>()("@strongroom/core/Principals") {
  static readonly layer = Layer.effect(
    Principals,
    Effect.gen(function* () {
      const sessions = yield* Sessions

      const notFound = (id: string) =>
        new StrongroomError("PRINCIPAL_NOT_FOUND", `principal ${id} does not exist`, { id })

      /** Only an admin of something learns who else there is. */
      const mayLookUp = (principal: Principal, grants: readonly Grant[], id: string): boolean =>
        (principal.token === undefined && principal.id === id) ||
        grants.some(({ permission }) => permission === "admin")

      return {
        create: operation("Principals.create")(function* (principal, input) {
          const { name, grants } = yield* attempt(() => decodeNew(input))
          return yield* sessions.use(principal, ({ transact, read, newId, now }) => {
            const id = newId("prn_")
            const stored = { v: metadataVersion, id, name, grants, createdAt: now } as const
            return transact(
              () => read(authorityOf(principal)),
              (snapshot) => {
                if (!mayAdminister(grantsOf(principal, snapshot, now), grants)) throw forbidden()
                return {
                  next: "done",
                  writes: [put(layout.principal(id), undefined, stored)],
                  audit: { action: "principal.create", subject: { principal: id } },
                  result: shown(stored),
                }
              },
            )
          })
        }),

        get: operation("Principals.get")(function* (principal, input) {
          const id = yield* attempt(() => decodeId(input))
          return yield* sessions.use(principal, ({ read, now }) =>
            Effect.flatMap(read([...authorityOf(principal), layout.principal(id)]), (snapshot) =>
              attempt(() => {
                const grants = grantsOf(principal, snapshot, now)
                const found = snapshot.get(layout.principal(id))
                if (found === undefined || !mayLookUp(principal, grants, id)) throw notFound(id)
                return shown(found)
              }),
            ),
          )
        }),

        setGrants: operation("Principals.setGrants")(function* (principal, input, newGrants) {
          const [id, granted] = yield* attempt(() => [decodeId(input), decodeGrants(newGrants)] as const)
          return yield* sessions.use(principal, ({ transact, read, now }) => {
            const ref = layout.principal(id)
            return transact(
              () => read([...authorityOf(principal), ref]),
              (snapshot) => {
                const grants = grantsOf(principal, snapshot, now)
                const found = snapshot.get(ref)
                if (found === undefined || !mayLookUp(principal, grants, id)) throw notFound(id)
                if (!mayAdminister(grants, [...found.grants, ...granted])) throw forbidden()
                const changed = { ...found, grants: granted }
                return {
                  next: "done",
                  writes: [put(ref, snapshot.revision(ref), changed)],
                  audit: { action: "principal.set-grants", subject: { principal: id } },
                  result: shown(changed),
                }
              },
            )
          })
        }),
      }
    }),
  )
}
