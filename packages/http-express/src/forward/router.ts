import { randomBytes } from "node:crypto"
import { isStrongroomError, type Logger, type Principal, type Strongroom, StrongroomError } from "@strongroom/core"
import { type CheckedAgentOptions, publicOnlyFetch, type SubstitutePlaces } from "@strongroom/guarded-fetch"
import { type RequestHandler, type Response, Router } from "express"
import { type Authenticate, apiTokens } from "../authenticate.ts"
import { bodyReader } from "../body.ts"
import { loggable, RequestError } from "../errors.ts"
import { send } from "../send.ts"
import { answerTo, ForwardError } from "./errors.ts"
import { type Forwarder, forwarding } from "./forward.ts"
import { checkOptions } from "./options.ts"
import { originHeader, relay } from "./relay.ts"
import { slots } from "./slots.ts"
import { readEnvKey, readForward, readVaultId } from "./wire.ts"

export interface ForwardRouterOptions extends Pick<CheckedAgentOptions, "allowPrivateAddresses" | "ca" | "resolve"> {
  readonly strongroom: Strongroom
  /** Default: the engine's API tokens, as `Authorization: Bearer ek_live_…`. */
  readonly authenticate?: Authenticate
  /** 32 bytes, the same in all processes that serve one set of agents. Default: random, so that a restart voids placeholders. */
  readonly placeholderKey?: Uint8Array
  /** Where placeholders are replaced besides header values. Default: nowhere. */
  readonly substitute?: SubstitutePlaces
  /** Whether http: may be forwarded to. Default false. */
  readonly allowCleartext?: boolean
  /** Milliseconds from when the request was read to the end of the upstream's answer: 1 to 2^31 - 1. Default 60,000. */
  readonly timeoutMs?: number
  /** Bytes of a request to this router, which holds the one to forward as JSON. Default 1 MiB. */
  readonly maxRequestBytes?: number
  /** Bytes of an upstream's answer, decoded. Default 10 MiB. */
  readonly maxResponseBytes?: number
  /** Forwards that one token, or one principal without token, may have under way in this process. Default 8. */
  readonly maxConcurrent?: number
  /** Told of every answer of ours with status 500 and above: ids and codes, never a value. Default: silent. */
  readonly logger?: Logger
}

interface Call {
  readonly principal: Principal
  readonly vault: string
  readonly readBody: () => Promise<unknown>
  readonly res: Response
}

/** Aborts when the client is gone, or after a time. */
const lifetime = (res: Response, timeoutMs: number) => {
  const controller = new AbortController()
  const expire = () => controller.abort(new ForwardError("TIMEOUT", `the upstream took more than ${timeoutMs} ms`))
  const timer = setTimeout(expire, timeoutMs)
  const close = () => {
    clearTimeout(timer)
    controller.abort(new ForwardError("CLIENT_GONE", "the client has closed the connection"))
  }
  if (res.destroyed) close()
  else res.once("close", close)
  return controller.signal
}

const refuse = (res: Response, error: unknown) => {
  const { status, body, headers } = answerTo(error)
  if (res.headersSent) res.destroy()
  else send(res, status, body, { ...headers, [originHeader]: "error" })
}

/**
 * Guarded fetch for agents in a sandbox, off unless an application mounts it: `POST /vaults/{vault_id}/placeholders` and
 * `POST /vaults/{vault_id}/forward`. Needs `use` on the vault. Requests, answers and codes: docs/allowed-domains.md.
 * Throws `INVALID_INPUT` for options that are not of these types and ranges.
 */
export const forwardRouter = (options: ForwardRouterOptions): Router => {
  checkOptions(options)
  const { strongroom, authenticate = apiTokens(strongroom), timeoutMs = 60_000, maxConcurrent = 8, logger } = options
  const { allowPrivateAddresses, ca, resolve } = options
  const readBody = bodyReader(options.maxRequestBytes ?? 1024 * 1024)
  const concurrent = slots(maxConcurrent)
  const maxBytes = options.maxResponseBytes ?? 10 * 1024 * 1024
  const forwarder: Forwarder = {
    strongroom,
    fetch: publicOnlyFetch({
      headersTimeoutMs: timeoutMs,
      bodyTimeoutMs: timeoutMs,
      ...(allowPrivateAddresses !== undefined && { allowPrivateAddresses }),
      ...(ca !== undefined && { ca }),
      ...(resolve !== undefined && { resolve }),
    }),
    placeholderKey: options.placeholderKey ?? randomBytes(32),
    substitute: options.substitute ?? {},
    allowCleartext: options.allowCleartext ?? false,
    maxResponseBytes: maxBytes,
  }

  const placeholders = async ({ principal, vault, readBody, res }: Call) => {
    const envKey = readEnvKey(await readBody())
    const secrets = await strongroom.vaults.secrets.list(principal, vault)
    if (!secrets.some((secret) => secret.envKey === envKey)) {
      throw new StrongroomError("SECRET_NOT_FOUND", `secret ${envKey} does not exist in vault ${vault}`)
    }
    send(res, 201, { placeholder: forwarding(forwarder, principal, vault).placeholder(envKey) })
  }

  const forward = async ({ principal, vault, readBody, res }: Call) => {
    const request = readForward(await readBody())
    const free = concurrent.take(`${principal.workspace} ${principal.id} ${principal.token ?? ""}`)
    if (free === undefined) {
      throw new ForwardError("TOO_MANY_FORWARDS", `at most ${maxConcurrent} forwards may be under way at a time`)
    }
    try {
      const signal = lifetime(res, timeoutMs)
      const upstream = await forwarding(forwarder, principal, vault).send(request, signal)
      await relay(upstream, res, { maxBytes, signal })
    } finally {
      free()
    }
  }

  const handle =
    (path: string, operation: (call: Call) => Promise<void>): RequestHandler =>
    async (req, res, next) => {
      const fail = (error: unknown) => {
        const { status, body } = answerTo(error)
        if (status >= 500) logger?.error("forward failed", { path, status, ...loggable(error), code: body.code })
        refuse(res, error)
      }
      let principal: Principal | null | undefined
      try {
        principal = await authenticate(req)
        if (principal === undefined || principal === null) throw new StrongroomError("UNAUTHENTICATED", "no principal")
        await strongroom.tokens.verify(principal)
      } catch (error) {
        return isStrongroomError(error) ? fail(error) : next(error)
      }
      try {
        await operation({ principal, vault: readVaultId(req.params), readBody: () => readBody(req, res), res })
      } catch (error) {
        fail(error)
      }
    }

  const posts = Router({ caseSensitive: true })
  posts.post("/vaults/:vault_id/placeholders", handle("/vaults/:vault_id/placeholders", placeholders))
  posts.post("/vaults/:vault_id/forward", handle("/vaults/:vault_id/forward", forward))
  // Everything else is the application's, OPTIONS too, which Express would answer in its place.
  return Router().use((req, res, next) => {
    if (req.method !== "POST") return next()
    posts(req, res, (error?: unknown) => {
      if (!(error instanceof URIError && "status" in error)) return next(error)
      refuse(res, new RequestError(400, "path: is not valid percent-encoding"))
    })
  })
}
