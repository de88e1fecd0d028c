import { Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput } from "../domain/fields.ts"
import type { AuditEntry, AuditPage } from "../domain/model.ts"
import { may, type Principal } from "../domain/permission.ts"
import { layout } from "../records/layout.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { operation } from "./operation.ts"
import { Sessions } from "./sessions.ts"

const decodeList = decodeInput(
  Schema.Struct({
    after: Schema.optional(
      Schema.String.check(Schema.makeFilter((id) => /^[0-9A-Z]{26}$/u.test(id) || "must be an entry's id")),
    ),
    limit: Schema.optional(
      Schema.Number.check(
        Schema.makeFilter((n) => (Number.isInteger(n) && n >= 1 && n <= 1000) || "must be 1 to 1000"),
      ),
    ),
  }),
)

/** What happened in a workspace, one entry a commit. */
export class AuditLog extends Context.Service<
  AuditLog,
  {
    /** Needs `admin` on the workspace. Oldest first, by the writers' clocks; commit order is not promised. */
    readonly list: (
      principal: Principal,
      input?: { readonly after?: string; readonly limit?: number },
    ) => Effect.Effect<AuditPage, EngineError>
  }
>()("@strongroom/core/AuditLog") {
  static readonly layer = Layer.effect(
    AuditLog,
    Effect.gen(function* () {
      const sessions = yield* Sessions

      return {
        list: operation("AuditLog.list")(function* (principal, input = {}) {
          const { after, limit = 100 } = yield* attempt(() => decodeList(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* ({ read, page, now }) {
              const authority = yield* read(authorityOf(principal))
              yield* attempt(() => {
                if (may(grantsOf(principal, authority, now), "admin", { type: "workspace" })) return
                throw new StrongroomError("FORBIDDEN", "admin on the workspace is needed")
              })
              const { snapshot, leaves, next } = yield* page("audit", after, limit)
              return yield* attempt(() => ({
                next,
                entries: leaves.flatMap((id): AuditEntry[] => {
                  const entry = snapshot.get(layout.audit(id))
                  // A fence in place of a commit that never applied is no event.
                  if (entry === undefined || !("writer" in entry)) return []
                  const { at, action, principal: who, token, subject } = entry
                  return [{ id, at: new Date(at), action, principal: who, token: token ?? undefined, subject }]
                }),
              }))
            }),
          )
        }),
      }
    }),
  )
}
