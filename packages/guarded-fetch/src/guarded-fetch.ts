import type { Principal } from "@strongroom/core"
import { GuardedFetchError } from "./errors.ts"
import { exchange, type Guard } from "./exchange.ts"
import { maskedResponse } from "./masked-response.ts"
import { aBoolean, absent, aFunction, anObject, checkOptions, oneOf, optional, text, wholeNumber } from "./options.ts"
import { placeholders } from "./placeholders.ts"
import { isRedirect, nextHop } from "./redirects.ts"
import { type ReleaseSource, releaseOf } from "./release.ts"
import { type RequestLike, readRequest } from "./request.ts"
import type { SubstitutePlaces } from "./substitute.ts"
import { discard, nodeTransport, type Transport, transportFault } from "./transport.ts"

export interface GuardedFetchBasics {
  /** Whose secrets. Its `workspace` and `id` are bound into the placeholders. */
  readonly principal: Principal
  /** `vlt_` and a ULID. */
  readonly vault: string
  /** Default: Node's own, as it is when `guardedFetch` is called. */
  readonly fetch?: Transport
  /** 32 bytes; random by default, so that placeholders live as long as this instance. */
  readonly placeholderKey?: Uint8Array
  /** Also replace in the query or the body. Default: in header values only. */
  readonly substitute?: SubstitutePlaces
  /** Let http: through, and redirects from https: to it. Default false. */
  readonly allowCleartext?: boolean
  /** Mask the values in what comes back. Default true. */
  readonly mask?: boolean
  /** 0 to 100. Default 20, as in the fetch standard. */
  readonly maxRedirects?: number
}

export type GuardedFetchOptions = GuardedFetchBasics & ReleaseSource

export interface GuardedFetch {
  /**
   * `fetch`, with placeholders. Rejects with {@link GuardedFetchError}, with the signal's reason when that is aborted, and
   * with `TypeError` where `new Request(input, init)` does.
   */
  fetch(input: RequestLike, init?: RequestInit): Promise<Response>
  /** What stands for a secret in a request. Throws `INVALID_INPUT` unless `envKey` is an env key. */
  placeholder(envKey: string): string
}

const rules = {
  "principal.workspace": text,
  "principal.id": text,
  vault: text,
  fetch: optional(aFunction),
  substitute: optional(anObject),
  "substitute.query": optional(aBoolean),
  "substitute.body": optional(aBoolean),
  allowCleartext: optional(aBoolean),
  mask: optional(aBoolean),
  maxRedirects: optional(wholeNumber(0, 100)),
}
const ownRelease = { release: aFunction, strongroom: absent("must not stand beside release") }
const engineRelease = {
  "strongroom.vaults.secrets.release": aFunction,
  purpose: optional(oneOf("release", "forward")),
}

/**
 * Makes a `fetch` for code that must not hold secrets: it writes placeholders, and each is replaced only on the way to a host
 * that may have the secret. Throws `INVALID_INPUT` for options that are not of these types and ranges.
 */
export const guardedFetch = (options: GuardedFetchOptions): GuardedFetch => {
  checkOptions(options, rules)
  checkOptions(options, options.release === undefined ? engineRelease : ownRelease)
  const { principal, vault, allowCleartext = false, mask = true, maxRedirects = 20 } = options
  const known = placeholders({ workspace: principal.workspace, principal: principal.id, vault }, options.placeholderKey)
  const guard: Guard = {
    placeholders: known,
    places: options.substitute ?? {},
    release: releaseOf(options, principal, vault),
    transport: options.fetch ?? nodeTransport(),
    allowCleartext,
    mask,
  }

  return {
    placeholder: known.of,

    async fetch(input, init) {
      const { hop: first, redirect, signal } = await readRequest(input, init, allowCleartext)
      const { send, reflection } = exchange(guard, signal)
      let hop = first
      for (let redirects = 0; ; redirects++) {
        const response = await send(hop)
        const reflected = reflection()
        const { host } = hop.url
        const location = response.headers.get("location")
        if (redirect === "manual" || !isRedirect(response.status, location))
          return maskedResponse(response, mask ? reflected : undefined, hop.url, redirects > 0, (error) =>
            transportFault(error, signal, host),
          )
        await discard(response.body)
        if (redirect === "error")
          throw new GuardedFetchError("REDIRECT_REFUSED", `${host} redirects, which the request forbids`, { host })
        if (redirects >= maxRedirects)
          throw new GuardedFetchError("REDIRECT_LIMIT", `more than ${maxRedirects} redirects`, { host })
        // Masked whatever `mask` says: a value that one host writes into Location is not carried to another.
        const target = Buffer.from(reflected?.masked(location) ?? location, "latin1").toString()
        hop = nextHop(hop, response.status, target, allowCleartext)
      }
    },
  }
}
