import { Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { DisplayName, decodeInput, Slug, SlugOrId } from "../domain/fields.ts"
import { uuid, uuidRandomLength } from "../domain/ids.ts"
import type { Project } from "../domain/model.ts"
import { may, type Principal, sees } from "../domain/permission.ts"
import { Crypto } from "../ports/services.ts"
import { layout } from "../records/layout.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { Locator, type ProjectMetadata, projectIn } from "./locator.ts"
import { operation } from "./operation.ts"
import { put } from "./plan.ts"
import { Sessions } from "./sessions.ts"

const decodeNew = decodeInput(Schema.Struct({ slug: Slug, name: DisplayName }))
const decodeName = decodeInput(SlugOrId)

const shown = ({ id, slug, name, createdAt }: ProjectMetadata): Project => ({
  id,
  slug,
  name,
  createdAt: new Date(createdAt),
})

export class Projects extends Context.Service<
  Projects,
  {
    /** Needs `admin` on the workspace. */
    readonly create: (
      principal: Principal,
      input: { readonly slug: string; readonly name: string },
    ) => Effect.Effect<Project, EngineError>
    readonly get: (principal: Principal, project: string) => Effect.Effect<Project, EngineError>
    /** Those the principal may see, sorted by slug. */
    readonly list: (principal: Principal) => Effect.Effect<readonly Project[], EngineError>
  }
>()("@strongroom/core/Projects") {
  static readonly layer = Layer.effect(
    Projects,
    Effect.gen(function* () {
      const { random } = yield* Crypto
      const sessions = yield* Sessions
      const locator = yield* Locator

      return {
        create: operation("Projects.create")(function* (principal, input) {
          const { slug, name } = yield* attempt(() => decodeNew(input))
          return yield* sessions.use(principal, ({ transact, read, keys, now }) => {
            const id = uuid(random(uuidRandomLength))
            const slugRef = layout.slug(keys.index.leaf("project-slug", slug))
            return transact(
              () => read([...authorityOf(principal), slugRef]),
              (snapshot) => {
                if (!may(grantsOf(principal, snapshot, now), "admin", { type: "workspace" })) {
                  throw new StrongroomError("FORBIDDEN", "admin on the workspace is needed")
                }
                if (snapshot.get(slugRef) !== undefined) {
                  throw new StrongroomError("SLUG_TAKEN", `project slug ${slug} is taken`, { slug })
                }
                const v = metadataVersion
                const project = { v, id, slug, name, team: null, environments: [], createdAt: now } as const
                return {
                  next: "done",
                  writes: [put(slugRef, undefined, { v, project: id }), put(layout.project(id), undefined, project)],
                  audit: { action: "project.create", subject: { project: id, slug } },
                  result: shown(project),
                }
              },
            )
          })
        }),

        get: operation("Projects.get")(function* (principal, input) {
          const project = yield* attempt(() => decodeName(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const located = yield* locator.locate(session, { project })
              const snapshot = yield* session.read([...authorityOf(principal), layout.project(located.id)])
              return yield* attempt(() =>
                shown(projectIn(snapshot, located, grantsOf(principal, snapshot, session.now))),
              )
            }),
          )
        }),

        list: operation("Projects.list")(function* (principal) {
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* ({ read, pages, now }) {
              const snapshot = yield* read(authorityOf(principal))
              const grants = yield* attempt(() => grantsOf(principal, snapshot, now))
              const projects = yield* pages("project", layout.project)
              return projects
                .filter(({ id }) => sees(grants, { type: "project", project: id }))
                .map(shown)
                .sort((a, b) => (a.slug < b.slug ? -1 : 1))
            }),
          )
        }),
      }
    }),
  )
}
