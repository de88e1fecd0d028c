import { StrongroomError } from "../domain/errors.ts"
import { type Grant, intersect, type Principal } from "../domain/permission.ts"
import type { Address } from "../ports/storage.ts"
import { layout } from "../records/layout.ts"
import type { Snapshot } from "./snapshot.ts"

/** What a snapshot must hold for `grantsOf` to decide. */
export const authorityOf = (principal: Principal): readonly Address[] => [
  ...(principal.token === undefined ? [] : [layout.token(principal.token)]),
  ...(principal.grants === undefined ? [layout.principal(principal.id)] : []),
]

const unauthenticated = (what: string): never => {
  throw new StrongroomError("UNAUTHENTICATED", what)
}

/**
 * The principal's grants as of the snapshot: those that the host vouches for, or its stored ones; with a token, only
 * what the token's own grants allow too. Throws `UNAUTHENTICATED` for a principal or token that is not valid now.
 */
export const grantsOf = (principal: Principal, snapshot: Snapshot, now: number): readonly Grant[] => {
  const token = principal.token === undefined ? undefined : snapshot.get(layout.token(principal.token))
  if (principal.token !== undefined) {
    if (token === undefined || token.maker !== principal.id) return unauthenticated("the API token is not known")
    if (token.revokedAt !== null) return unauthenticated(`API token ${token.id} is revoked`)
    if (token.expiresAt !== null && token.expiresAt <= now) return unauthenticated(`API token ${token.id} is expired`)
  }
  const own = principal.grants ?? snapshot.get(layout.principal(principal.id))?.grants
  if (own === undefined) return unauthenticated(`principal ${principal.id} does not exist`)
  return token === undefined ? own : intersect(token.grants, own)
}
