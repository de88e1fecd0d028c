import { type Principal, redact, type Strongroom } from "@strongroom/core"
import type { Request } from "express"

/**
 * Whom a request comes from; `undefined` or `null` is answered with 401. It runs after Express matched the path, so
 * `req.params` holds `ws` and `prj`, or `vault_id`. What it throws goes to the application's own error handler, but for
 * a `StrongroomError`, which is answered as the API would.
 */
export type Authenticate = (req: Request) => Promise<Principal | null | undefined>

// RFC 9110, 11.4 (the scheme is case-insensitive) and RFC 6750, 2.1.
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i

export const apiTokens =
  (strongroom: Strongroom): Authenticate =>
  async (req) => {
    const token = bearer.exec(req.headers.authorization ?? "")?.[1]
    return token === undefined ? undefined : strongroom.tokens.identify(redact(token))
  }
