import { isStrongroomError, type Logger, type Principal, type Strongroom, StrongroomError } from "@strongroom/core"
import { type RequestHandler, Router } from "express"
import type { Api, Endpoint, Operation } from "./api.ts"
import { type Authenticate, apiTokens } from "./authenticate.ts"
import { bodyReader, type ReadBody } from "./body.ts"
import { enkryptify } from "./enkryptify/routes.ts"
import { describe, loggable, RequestError } from "./errors.ts"
import { nairi } from "./nairi/routes.ts"
import { send } from "./send.ts"

export interface SecretsRouterOptions {
  readonly strongroom: Strongroom
  /** Default: the engine's API tokens, as `Authorization: Bearer ek_live_…`. */
  readonly authenticate?: Authenticate
  /** Bytes that a request's body may have. Default 4 MiB. */
  readonly bodyLimit?: number
  /** Told of every answer of status 500 and above: ids and codes, never a value. Default: silent. */
  readonly logger?: Logger
}

interface Server {
  readonly strongroom: Strongroom
  readonly authenticate: Authenticate
  readonly readBody: ReadBody
  readonly logger: Logger | undefined
}

/**
 * Who asks is decided before what is asked. The engine judges a token within each operation; a request that is refused
 * without one has its token judged here, so that only refusals pay for the extra read.
 */
const confirm = async (strongroom: Strongroom, principal: Principal, refusal: unknown, status: number) => {
  if (status !== 400 && status !== 413 && status !== 415) return refusal
  return strongroom.tokens.verify(principal).then(
    () => refusal,
    (stronger: unknown) => stronger,
  )
}

const handle = (server: Server, api: Api, path: string, operation: Operation): RequestHandler => {
  const { strongroom, authenticate, readBody, logger } = server

  return async (req, res, next) => {
    const refuse = (error: unknown) => {
      const { status, text, headers } = describe(api.errors, error)
      if (status >= 500) logger?.error("request failed", { method: req.method, path, status, ...loggable(error) })
      send(res, status, api.errorBody(text), headers)
    }

    let principal: Principal | null | undefined
    try {
      principal = await authenticate(req)
    } catch (error) {
      return isStrongroomError(error) ? refuse(error) : next(error)
    }
    if (principal === undefined || principal === null)
      return refuse(new StrongroomError("UNAUTHENTICATED", "no principal"))
    try {
      const answer = await operation({ strongroom, principal, req, readBody: () => readBody(req, res) })
      send(res, answer.status, answer.body)
    } catch (error) {
      refuse(await confirm(strongroom, principal, error, describe(api.errors, error).status))
    }
  }
}

// One router a path, so that a path that does not decode is an error of the methods served there and of no other.
const serve = (server: Server, api: Api, endpoint: Endpoint): RequestHandler => {
  const { path, GET, POST, PATCH, DELETE } = endpoint
  const router = Router({ caseSensitive: true })
  // Clients whose base URL ends in a slash ask for //v1/….
  const route = router.route(`/{/}${path}`)
  if (GET) route.get(handle(server, api, path, GET))
  if (POST) route.post(handle(server, api, path, POST))
  if (PATCH) route.patch(handle(server, api, path, PATCH))
  if (DELETE) route.delete(handle(server, api, path, DELETE))
  const served = new Map([
    ["GET", GET],
    ["HEAD", GET],
    ["POST", POST],
    ["PATCH", PATCH],
    ["DELETE", DELETE],
  ])

  return (req, res, next) => {
    // Left to itself, Express would answer OPTIONS in the application's place.
    if (served.get(req.method) === undefined) return next()
    router(req, res, (error?: unknown) => {
      if (!(error instanceof URIError && "status" in error)) return next(error)
      const { status, text } = describe(api.errors, new RequestError(400, "path: is not valid percent-encoding"))
      send(res, status, api.errorBody(text))
    })
  }
}

/**
 * Both APIs as one Express router, to be mounted at the root or below a prefix. What it does not serve falls through
 * untouched. Endpoints, checks and errors: docs/http.md.
 */
export const secretsRouter = (options: SecretsRouterOptions): Router => {
  const { strongroom, logger, authenticate = apiTokens(strongroom), bodyLimit = 4 * 1024 * 1024 } = options
  const server = { strongroom, authenticate, logger, readBody: bodyReader(bodyLimit) }
  const router = Router()
  for (const api of [enkryptify, nairi]) {
    for (const endpoint of api.endpoints) router.use(serve(server, api, endpoint))
  }
  return router
}
