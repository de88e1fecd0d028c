import { Context, Effect, Layer, Schema } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { decodeInput, EnvironmentId, SecretName, SlugOrId } from "../domain/fields.ts"
import { uuid, uuidRandomLength } from "../domain/ids.ts"
import type { CreateSecrets, GetSecret, ListSecrets, Secret } from "../domain/model.ts"
import type { Principal } from "../domain/permission.ts"
import { Crypto, Settings } from "../ports/services.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { attempt, attemptEffect } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { checkRequest, createAddresses, decideCreate, placeSecrets, secretRef } from "./create-secrets.ts"
import { type Located, Locator, projectIn } from "./locator.ts"
import { operation } from "./operation.ts"
import { damaged, holds, keysetAddresses, readableEnvironments, secretOf, valuePlaces } from "./read-secrets.ts"
import { type Session, Sessions } from "./sessions.ts"

type SecretMetadata = typeof schemas.Secret.Type

const listFields = {
  workspace: Schema.optional(SlugOrId),
  project: SlugOrId,
  environment: Schema.optional(EnvironmentId),
}
const decodeList = decodeInput(Schema.Struct(listFields))
const decodeGet = decodeInput(Schema.Struct({ ...listFields, name: SecretName }))

/** The secrets of projects, with a value per environment. */
export class Secrets extends Context.Service<
  Secrets,
  {
    readonly create: (
      principal: Principal,
      input: CreateSecrets,
    ) => Effect.Effect<readonly { readonly id: string; readonly name: string }[], EngineError>
    readonly list: (principal: Principal, input: ListSecrets) => Effect.Effect<readonly Secret[], EngineError>
    readonly get: (principal: Principal, input: GetSecret) => Effect.Effect<Secret, EngineError>
  }
>()("@strongroom/core/Secrets") {
  static readonly layer = Layer.effect(
    Secrets,
    Effect.gen(function* () {
      const { valuesPerRequest } = yield* Settings
      const { random } = yield* Crypto
      const sessions = yield* Sessions
      const locator = yield* Locator

      const newId = (): string => uuid(random(uuidRandomLength))

      const notFound = (name: string) =>
        new StrongroomError("SECRET_NOT_FOUND", `secret ${name} does not exist`, { name })

      /** Project and readable environments as of a snapshot of their own. */
      const scopeOf = (session: Session, located: Located, environment: string | undefined) =>
        Effect.flatMap(session.read([...authorityOf(session.principal), layout.project(located.id)]), (snapshot) =>
          attempt(() => {
            const grants = grantsOf(session.principal, snapshot, session.now)
            const project = projectIn(snapshot, located, grants)
            return readableEnvironments(project, grants, environment)
          }),
        )

      /** Guard, keysets and values in one snapshot: what is missing here is damage. */
      const readOne = (session: Session, located: Located, name: string, environment: string | undefined) => {
        const { keys, principal, now } = session
        const ref = secretRef(keys.index, located.id, name)

        const readIn = (candidates: readonly string[]) => {
          const places = valuePlaces(keys.index, name, candidates)
          return Effect.flatMap(
            session.read([
              ...authorityOf(principal),
              layout.project(located.id),
              ref,
              ...keysetAddresses(candidates),
              ...places.map((place) => place.ref),
            ]),
            (snapshot) =>
              attempt(() => {
                const grants = grantsOf(principal, snapshot, now)
                const project = projectIn(snapshot, located, grants)
                const readable = readableEnvironments(project, grants, environment)
                const guard = snapshot.get(ref)
                if (guard === undefined) return undefined
                const shown = places.filter(({ environment: id }) => readable.includes(id) && holds(guard, id))
                const secret = guard.name === name ? secretOf(snapshot, guard, shown) : undefined
                if (secret === undefined) throw damaged(guard)
                return secret.values.length === 0 ? undefined : secret
              }),
          )
        }

        return environment === undefined
          ? Effect.flatMap(scopeOf(session, located, undefined), readIn)
          : readIn([environment.toLowerCase()])
      }

      /** The secrets of one page of guards. Their values are read after it; where the two disagree, again together. */
      const readPage = Effect.fnUntraced(function* (
        session: Session,
        located: Located,
        guards: readonly SecretMetadata[],
        candidates: readonly string[],
        environment: string | undefined,
      ) {
        const { keys, principal, now } = session
        const placed = guards.map((guard) => {
          const held = candidates.filter((id) => holds(guard, id))
          return { guard, places: valuePlaces(keys.index, guard.name, held) }
        })
        const snapshot = yield* session.read([
          ...authorityOf(principal),
          layout.project(located.id),
          ...keysetAddresses(candidates),
          ...placed.flatMap(({ places }) => places.map(({ ref }) => ref)),
        ])
        const secrets = yield* attempt(() => {
          const grants = grantsOf(principal, snapshot, now)
          const project = projectIn(snapshot, located, grants)
          const readable = new Set(readableEnvironments(project, grants, environment))
          return placed.map(({ guard, places }) =>
            secretOf(
              snapshot,
              guard,
              places.filter((place) => readable.has(place.environment)),
            ),
          )
        })
        const found: Secret[] = []
        for (const [index, guard] of guards.entries()) {
          const secret = secrets[index] ?? (yield* readOne(session, located, guard.name, environment))
          if (secret !== undefined && secret.values.length > 0) found.push(secret)
        }
        return found
      })

      return {
        create: operation("Secrets.create")((principal, input) =>
          attemptEffect(() => {
            const request = checkRequest(input, valuesPerRequest)
            return sessions.use(principal, (session) => {
              const { now } = session
              const { index } = session.keys
              return Effect.flatMap(locator.locate(session, request), (located) => {
                const placed = placeSecrets(index, located.id, request)
                return session.transact(
                  (round) =>
                    session.read([
                      ...authorityOf(principal),
                      ...createAddresses(index, located.id, request.environments, placed, round > 0),
                    ]),
                  (snapshot, round) => {
                    const grants = grantsOf(principal, snapshot, now)
                    const project = projectIn(snapshot, located, grants)
                    return decideCreate(
                      snapshot,
                      { newId, index, project, grants, now, withValues: round > 0 },
                      request.environments,
                      placed,
                    )
                  },
                )
              })
            })
          }),
        ),

        list: operation("Secrets.list")(function* (principal, input) {
          const { environment, ...name } = yield* attempt(() => decodeList(input))
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* (session) {
              const located = yield* locator.locate(session, name)
              const environments = yield* scopeOf(session, located, environment)
              const secrets: Secret[] = []
              let after: string | undefined
              do {
                const page = yield* session.page(`secret.${located.id}`, after)
                const guards = yield* attempt(() =>
                  page.leaves.flatMap((leaf) => page.snapshot.get(layout.secret(located.id, leaf)) ?? []),
                )
                secrets.push(...(yield* readPage(session, located, guards, environments, environment)))
                after = page.next
              } while (after !== undefined)
              yield* session.disclose({ action: "secret.list", subject: { project: located.id, environments } })
              return secrets.sort((a, b) => (a.name < b.name ? -1 : 1))
            }),
          )
        }),

        get: operation("Secrets.get")((principal, input) =>
          attemptEffect(() => {
            const { environment, name, ...project } = decodeGet(input)
            return sessions.use(principal, (session) =>
              Effect.flatMap(locator.locate(session, project), (located) =>
                Effect.flatMap(readOne(session, located, name, environment), (secret) => {
                  if (secret === undefined) return Effect.fail(notFound(name))
                  const environments = secret.values.map((value) => value.environment)
                  const subject = { project: located.id, name, environments }
                  return Effect.as(session.disclose({ action: "secret.get", subject }), secret)
                }),
              ),
            )
          }),
        ),
      }
    }),
  )
}
