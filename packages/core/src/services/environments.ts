import { Context, Effect, Layer, Schema } from "effect"
import { keyLength } from "../crypto/data-key.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { DisplayName, decodeInput, EnvironmentId, SlugOrId } from "../domain/fields.ts"
import { uuid, uuidRandomLength } from "../domain/ids.ts"
import type { Environment } from "../domain/model.ts"
import { type Grant, may, type Principal } from "../domain/permission.ts"
import { Crypto, Settings } from "../ports/services.ts"
import { newKeyset } from "../records/keyset.ts"
import { layout } from "../records/layout.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { Locator, projectIn } from "./locator.ts"
import { operation } from "./operation.ts"
import { put, putKeyset, remove } from "./plan.ts"
import { Sessions } from "./sessions.ts"
import { sweepEnvironment } from "./sweep.ts"

/** All of a project's environments stand in its record. */
const environmentsPerProject = 1_000

const decodeNew = decodeInput(Schema.Struct({ project: SlugOrId, name: DisplayName }))
const decodeList = decodeInput(Schema.Struct({ workspace: Schema.optional(SlugOrId), project: SlugOrId }))
const decodeRemove = decodeInput(Schema.Struct({ project: SlugOrId, environment: EnvironmentId }))

const requireAdmin = (grants: readonly Grant[], project: string): void => {
  if (may(grants, "admin", { type: "project", project })) return
  throw new StrongroomError("FORBIDDEN", `admin on project ${project} is needed`, { project })
}

export class Environments extends Context.Service<
  Environments,
  {
    /** Needs `admin` on the project. Names are unique within it. */
    readonly create: (
      principal: Principal,
      input: { readonly project: string; readonly name: string },
    ) => Effect.Effect<Environment, EngineError>
    readonly list: (
      principal: Principal,
      input: { readonly workspace?: string; readonly project: string },
    ) => Effect.Effect<readonly Environment[], EngineError>
    readonly remove: (
      principal: Principal,
      input: { readonly project: string; readonly environment: string },
    ) => Effect.Effect<void, EngineError>
  }
>()("@strongroom/core/Environments") {
  static readonly layer = Layer.effect(
    Environments,
    Effect.gen(function* () {
      const { random } = yield* Crypto
      const { logger } = yield* Settings
      const sessions = yield* Sessions
      const locator = yield* Locator

      return {
        create: operation("Environments.create")(function* (principal, input) {
          const { project: named, name } = yield* attempt(() => decodeNew(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const { transact, read, partition, now } = session
              const located = yield* locator.locate(session, { project: named })
              const projectRef = layout.project(located.id)
              const id = uuid(random(uuidRandomLength))
              return yield* transact(
                () => read([...authorityOf(principal), projectRef]),
                (snapshot) => {
                  const grants = grantsOf(principal, snapshot, now)
                  const project = projectIn(snapshot, located, grants)
                  requireAdmin(grants, project.id)
                  if (project.environments.some((environment) => environment.name === name)) {
                    throw new StrongroomError("ENVIRONMENT_EXISTS", `environment ${name} exists already`, { name })
                  }
                  if (project.environments.length >= environmentsPerProject) {
                    throw new StrongroomError(
                      "LIMIT_EXCEEDED",
                      `environments in one project: ${environmentsPerProject} are the limit`,
                      { limit: environmentsPerProject },
                    )
                  }
                  const environments = [...project.environments, { id, name }]
                  const stored = { v: metadataVersion, id, project: project.id, name, createdAt: now } as const
                  return {
                    next: "done",
                    writes: [
                      put(projectRef, snapshot.revision(projectRef), { ...project, environments }),
                      put(layout.environment(id), undefined, stored),
                      putKeyset(undefined, newKeyset(partition, id, random(keyLength), now)),
                    ],
                    audit: { action: "environment.create", subject: { project: project.id, environment: id, name } },
                    result: { id, name },
                  }
                },
              )
            }),
          )
        }),

        list: operation("Environments.list")(function* (principal, input) {
          const name = yield* attempt(() => decodeList(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const located = yield* locator.locate(session, name)
              const snapshot = yield* session.read([...authorityOf(principal), layout.project(located.id)])
              return yield* attempt(() => {
                const grants = grantsOf(principal, snapshot, session.now)
                const project = projectIn(snapshot, located, grants)
                return project.environments
                  .filter(({ id }) =>
                    may(grants, "read", { type: "environment", project: project.id, environment: id }),
                  )
                  .map(({ id, name }) => ({ id, name }))
                  .sort((a, b) => (a.name < b.name ? -1 : 1))
              })
            }),
          )
        }),

        remove: operation("Environments.remove")(function* (principal, input) {
          const { project: named, environment } = yield* attempt(() => decodeRemove(input))
          const id = environment.toLowerCase()
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const { transact, read, now } = session
              const located = yield* locator.locate(session, { project: named })
              const projectRef = layout.project(located.id)
              const environmentRef = layout.environment(id)
              const keysetRef = layout.keyset(id)
              // One commit takes away the environment and its only keys: from then on no value in it can be read, and
              // whoever is writing into it fails the check of the keyset. What is left over is swept up after it.
              yield* transact(
                () => read([...authorityOf(principal), projectRef, environmentRef, keysetRef]),
                (snapshot) => {
                  const grants = grantsOf(principal, snapshot, now)
                  const project = projectIn(snapshot, located, grants)
                  const visible = may(grants, "read", { type: "environment", project: project.id, environment: id })
                  if (snapshot.get(environmentRef)?.project !== project.id || !visible) {
                    throw new StrongroomError("ENVIRONMENT_NOT_FOUND", `environment ${id} does not exist`, {
                      environment: id,
                    })
                  }
                  requireAdmin(grants, project.id)
                  const environments = project.environments.filter((other) => other.id !== id)
                  return {
                    next: "done",
                    writes: [
                      put(projectRef, snapshot.revision(projectRef), { ...project, environments }),
                      remove(environmentRef, snapshot.revision(environmentRef)),
                      remove(keysetRef, snapshot.revision(keysetRef)),
                    ],
                    audit: { action: "environment.remove", subject: { project: project.id, environment: id } },
                    result: undefined,
                  }
                },
              )
              // The environment is gone, whatever becomes of what is left over.
              yield* sweepEnvironment(session, located.id, id).pipe(
                Effect.catch(({ code }) =>
                  Effect.sync(() => logger.warn("a removed environment was not swept up", { environment: id, code })),
                ),
              )
            }),
          )
        }),
      }
    }),
  )
}
