import { Clock, Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { DisplayName, decodeInput, isUuid, Slug, SlugOrId } from "../domain/fields.ts"
import { uuid, uuidRandomLength } from "../domain/ids.ts"
import type { Workspace } from "../domain/model.ts"
import type { Principal } from "../domain/permission.ts"
import { Crypto } from "../ports/services.ts"
import { layout } from "../records/layout.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { Directory } from "./directory.ts"
import { Keyring } from "./keyring.ts"
import { operation } from "./operation.ts"
import { put } from "./plan.ts"
import { Sessions, workspaceHome } from "./sessions.ts"
import { Transactions } from "./transactions.ts"

const decodeNew = decodeInput(Schema.Struct({ slug: Slug, name: DisplayName, owner: Schema.optional(DisplayName) }))
const decodeSlugOrId = decodeInput(SlugOrId)

export interface NewWorkspace {
  readonly slug: string
  readonly name: string
  /** The owner's name; "owner" when absent. */
  readonly owner?: string
}

/** Tenants. Making and finding them takes no principal: whoever holds the engine may. */
export class Workspaces extends Context.Service<
  Workspaces,
  {
    readonly create: (
      input: NewWorkspace,
    ) => Effect.Effect<{ readonly workspace: Workspace; readonly owner: Principal }, EngineError>
    readonly find: (slugOrId: string) => Effect.Effect<Workspace | undefined, EngineError>
  }
>()("@strongroom/core/Workspaces") {
  static readonly layer = Layer.effect(
    Workspaces,
    Effect.gen(function* () {
      const { random } = yield* Crypto
      const directory = yield* Directory
      const keyring = yield* Keyring
      const transactions = yield* Transactions
      const sessions = yield* Sessions

      const slugTaken = (slug: string) => new StrongroomError("SLUG_TAKEN", `workspace slug ${slug} is taken`, { slug })

      return {
        create: operation("Workspaces.create")(function* (input) {
          const { slug, name, owner = "owner" } = yield* attempt(() => decodeNew(input))
          const now = yield* Clock.currentTimeMillis
          if ((yield* directory.findWorkspace(slug)) !== undefined) return yield* Effect.fail(slugTaken(slug))
          const id = uuid(random(uuidRandomLength))
          const ownerId = `prn_${transactions.revision(now)}`
          const revision = transactions.revision(now)
          const home = workspaceHome(directory.storeId, id)
          const { record, keys } = yield* keyring.create(home, revision, now)
          const v = metadataVersion
          const grants = [{ scope: { type: "workspace" }, permission: "admin" }] as const
          const committing = attempt(() =>
            transactions.prepare(
              { partition: id, keys },
              { principal: ownerId, token: null },
              { action: "workspace.create", subject: { workspace: id, slug } },
              now,
              {
                writes: [
                  put(layout.workspaceInfo(), undefined, { v, id, slug, name, owner: ownerId, createdAt: now }),
                  put(layout.principal(ownerId), undefined, { v, id: ownerId, name: owner, grants, createdAt: now }),
                ],
                sealed: [{ collection: home.ref.collection, leaf: home.ref.leaf, record }],
              },
              revision,
            ),
          )
          yield* Effect.flatten(committing).pipe(Effect.ensuring(Effect.sync(() => keys.erase())))
          // The pointer comes last: until it is there the workspace does not exist for anybody, and a crash leaves
          // records that nothing leads to.
          yield* directory.addWorkspace(slug, id)
          return {
            workspace: { id, slug, name, owner: ownerId, createdAt: new Date(now) },
            owner: { workspace: id, id: ownerId },
          }
        }),

        find: operation("Workspaces.find")(function* (slugOrId) {
          const named = yield* attempt(() => decodeSlugOrId(slugOrId))
          const id = isUuid(named) ? named.toLowerCase() : yield* directory.findWorkspace(named)
          if (id === undefined) return undefined
          const host = { workspace: id, id: "host", grants: [] }
          const ref = layout.workspaceInfo()
          const info = yield* sessions
            .use(host, (session) => Effect.flatMap(session.read([ref]), (snapshot) => attempt(() => snapshot.get(ref))))
            .pipe(Effect.catchTag("WORKSPACE_NOT_FOUND", () => Effect.succeed(undefined)))
          if (info === undefined) return undefined
          const { slug, name, owner, createdAt } = info
          return { id, slug, name, owner, createdAt: new Date(createdAt) }
        }),
      }
    }),
  )
}
