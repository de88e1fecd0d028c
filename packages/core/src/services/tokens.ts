import { createHash } from "node:crypto"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { toBase64Url } from "../crypto/bytes.ts"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import {
  ApiTokenText,
  DisplayName,
  decodeInput,
  Grants,
  isApiToken,
  isPrincipalId,
  SecretText,
  TokenId,
} from "../domain/fields.ts"
import type { ApiToken, IssuedToken, NewToken, SecretInput } from "../domain/model.ts"
import { copyGrants, type Grant, mayAdminister, type Principal } from "../domain/permission.ts"
import { Crypto } from "../ports/services.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { metadataVersion } from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import { Directory } from "./directory.ts"
import { operation } from "./operation.ts"
import { put } from "./plan.ts"
import { Sessions } from "./sessions.ts"

const decodeNew = decodeInput(
  Schema.Struct({
    name: DisplayName,
    grants: Grants,
    expiresAt: Schema.optional(
      Schema.Date.check(Schema.makeFilter((date) => !Number.isNaN(date.getTime()) || "must be a date")),
    ),
    token: Schema.optional(ApiTokenText),
  }),
)
const decodeId = decodeInput(TokenId)
const decodeText = decodeInput(SecretText)

type TokenMetadata = typeof schemas.Token.Type

const optionalDate = (time: number | null): Date | undefined => (time === null ? undefined : new Date(time))

const shown = ({ id, name, grants, maker, createdAt, expiresAt, revokedAt }: TokenMetadata): ApiToken => ({
  id,
  name,
  grants: copyGrants(grants),
  maker,
  createdAt: new Date(createdAt),
  expiresAt: optionalDate(expiresAt),
  revokedAt: optionalDate(revokedAt),
})

/** A maker manages its own tokens; a token in use manages itself; admins manage what lies within their scopes. */
const mayManage = (principal: Principal, held: readonly Grant[], token: TokenMetadata): boolean =>
  (principal.token === undefined ? token.maker === principal.id : token.id === principal.token) ||
  mayAdminister(held, token.grants)

/** Tokens have 256 bits of entropy, so a plain hash is as good as a slow one. */
const hashOf = (token: Redacted.Redacted<string>): Uint8Array =>
  new Uint8Array(createHash("sha256").update(Redacted.value(token)).digest())

/** API tokens: shown once, kept as a hash, bounded by their maker's present grants. */
export class Tokens extends Context.Service<
  Tokens,
  {
    /** Needs `admin` on every scope that is granted, and a maker that the engine keeps. */
    readonly issue: (principal: Principal, input: NewToken) => Effect.Effect<IssuedToken, EngineError>
    /** In the order of their making. */
    readonly list: (principal: Principal) => Effect.Effect<readonly ApiToken[], EngineError>
    readonly revoke: (principal: Principal, id: string) => Effect.Effect<void, EngineError>
    readonly identify: (token: SecretInput) => Effect.Effect<Principal | undefined, EngineError>
    readonly verify: (principal: Principal) => Effect.Effect<void, EngineError>
  }
>()("@strongroom/core/Tokens") {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const { random } = yield* Crypto
      const sessions = yield* Sessions
      const directory = yield* Directory

      const makerNotFound = (id: string) =>
        new StrongroomError("PRINCIPAL_NOT_FOUND", `principal ${id} is not kept by the engine and cannot make tokens`)

      return {
        issue: operation("Tokens.issue")(function* (principal, input) {
          const { name, grants, expiresAt, token: given } = yield* attempt(() => decodeNew(input))
          const token = given ?? Redacted.make(`ek_live_${toBase64Url(random(32))}`, { label: "token" })
          const hash = hashOf(token)
          if (given !== undefined && (yield* directory.findToken(hash)) !== undefined) {
            return yield* Effect.fail(new StrongroomError("TOKEN_EXISTS", "this token is in use already"))
          }
          const issued = yield* sessions.use(principal, ({ transact, read, newId, now }) => {
            const id = newId("tok_")
            const stored = {
              v: metadataVersion,
              id,
              hash: toBase64Url(hash),
              name,
              grants,
              maker: principal.id,
              createdAt: now,
              expiresAt: expiresAt?.getTime() ?? null,
              revokedAt: null,
            } as const
            const isStored = isPrincipalId(principal.id)
            return transact(
              () => read([...authorityOf(principal), ...(isStored ? [layout.principal(principal.id)] : [])]),
              (snapshot) => {
                const held = grantsOf(principal, snapshot, now)
                if (!isStored || snapshot.get(layout.principal(principal.id)) === undefined) {
                  throw makerNotFound(principal.id)
                }
                if (!mayAdminister(held, grants)) {
                  throw new StrongroomError("FORBIDDEN", "admin is needed on every scope that the token is for")
                }
                return {
                  next: "done",
                  writes: [put(layout.token(id), undefined, stored)],
                  audit: { action: "token.issue", subject: { token: id, name } },
                  result: shown(stored),
                }
              },
            )
          })
          // The pointer comes last: until it is there nobody can use the token, and nobody has been shown it.
          yield* directory.addToken(hash, { workspace: principal.workspace, principal: principal.id, token: issued.id })
          return { ...issued, token }
        }),

        list: operation("Tokens.list")(function* (principal) {
          return yield* sessions.use(
            principal,
            Effect.fnUntraced(function* ({ read, pages, now }) {
              const snapshot = yield* read(authorityOf(principal))
              const held = yield* attempt(() => grantsOf(principal, snapshot, now))
              const tokens = yield* pages("token", (leaf) => layout.token(leaf))
              return tokens.filter((token) => mayManage(principal, held, token)).map(shown)
            }),
          )
        }),

        revoke: operation("Tokens.revoke")(function* (principal, input) {
          const id = yield* attempt(() => decodeId(input))
          return yield* sessions.use(principal, ({ transact, read, now }) => {
            const ref = layout.token(id)
            return transact(
              () => read([...authorityOf(principal), ref]),
              (snapshot) => {
                const held = grantsOf(principal, snapshot, now)
                const token = snapshot.get(ref)
                if (token === undefined || !mayManage(principal, held, token)) {
                  throw new StrongroomError("TOKEN_NOT_FOUND", `API token ${id} does not exist`, { id })
                }
                return {
                  next: "done",
                  writes: [put(ref, snapshot.revision(ref), { ...token, revokedAt: token.revokedAt ?? now })],
                  audit: { action: "token.revoke", subject: { token: id } },
                  result: undefined,
                }
              },
            )
          })
        }),

        identify: operation("Tokens.identify")(function* (input) {
          const token = yield* attempt(() => decodeText(input))
          if (!isApiToken(Redacted.value(token))) return undefined
          const target = yield* directory.findToken(hashOf(token))
          if (target === undefined) return undefined
          return { workspace: target.workspace, id: target.principal, token: target.token }
        }),

        verify: operation("Tokens.verify")(function* (principal) {
          return yield* sessions.use(principal, ({ read, now }) =>
            Effect.flatMap(read(authorityOf(principal)), (snapshot) =>
              attempt(() => void grantsOf(principal, snapshot, now)),
            ),
          )
        }),
      }
    }),
  )
}
