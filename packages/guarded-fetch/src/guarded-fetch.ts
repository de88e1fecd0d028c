import { isStrongroomError, type Principal, type redact, reveal } from "@strongroom/core"
import { GuardedFetchError } from "./errors.ts"
import { acceptEncoding, maskedResponse } from "./masked-response.ts"
import { placeholders } from "./placeholders.ts"
import { isRedirect, nextHop } from "./redirects.ts"
import { reflectionOf } from "./reflection.ts"
import { type RequestLike, readRequest } from "./request.ts"
import { type Hop, type SubstitutePlaces, substitute, substituteStream, unusable } from "./substitute.ts"
import { discard, type Transport, type TransportInit, type TransportResponse, transportFault } from "./transport.ts"

export type RedactedText = ReturnType<typeof redact>

export interface ReleaseRequest {
  readonly envKey: string
  /** The origin of the hop: `https://host` or `https://host:port`. */
  readonly target: string
  readonly allowCleartext: boolean
}

/**
 * Decides whether a host may have a secret. Rejects if not, with a `StrongroomError` whose `details.reason` says why.
 * Resolves with the value and the canonical host, which is the one connected to.
 */
export type Release = (request: ReleaseRequest) => Promise<{ readonly value: RedactedText; readonly host: string }>

export interface GuardedFetchOptions {
  /** Whose secrets. Its `workspace` and `id` are bound into the placeholders. */
  readonly principal: Principal
  /** `vlt_` and a ULID. */
  readonly vault: string
  readonly release: Release
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
  /** Default 20, as in the fetch standard. */
  readonly maxRedirects?: number
}

export interface GuardedFetch {
  /**
   * `fetch`, with placeholders. Rejects with {@link GuardedFetchError}, with the signal's reason when that is aborted, and
   * with `TypeError` where `new Request(input, init)` does.
   */
  fetch(input: RequestLike, init?: RequestInit): Promise<Response>
  /** What stands for a secret in a request. Throws `INVALID_INPUT` unless `envKey` is an env key. */
  placeholder(envKey: string): string
}

/**
 * Makes a `fetch` for code that must not hold secrets: it writes placeholders, and each is replaced only on the way to a host
 * that may have the secret. Throws `INVALID_INPUT` for a malformed vault id or placeholder key.
 */
export const guardedFetch = (options: GuardedFetchOptions): GuardedFetch => {
  const { principal, vault, release, allowCleartext = false, mask = true, maxRedirects = 20 } = options
  const transport: Transport = options.fetch ?? globalThis.fetch
  const places = options.substitute ?? {}
  const known = placeholders({ workspace: principal.workspace, principal: principal.id, vault }, options.placeholderKey)

  /** Asks for one secret towards a hop's host. */
  const releaseFor = async (url: URL, envKey: string) => {
    try {
      const { value, host } = await release({ envKey, target: url.origin, allowCleartext })
      return { value: reveal(value), host }
    } catch (error) {
      const engine = isStrongroomError(error) ? error : undefined
      const reason = engine?.details["reason"]
      throw new GuardedFetchError("RELEASE_REFUSED", `${envKey} was not released to ${url.host}`, {
        envKey,
        host: url.host,
        cause: engine?.code ?? "UNKNOWN",
        ...(typeof reason === "string" ? { reason } : {}),
      })
    }
  }

  /** One call of `fetch`: its signal, and the values that it has used. */
  const exchange = (signal: AbortSignal) => {
    const used = new Map<string, Set<string>>()

    const release = async (url: URL, envKey: string) => {
      const released = await releaseFor(url, envKey)
      signal.throwIfAborted()
      // Has no UTF-8, and so no percent-encoding; the engine stores no such value.
      if (!released.value.isWellFormed()) throw unusable(envKey, "request")
      const values = used.get(envKey) ?? new Set()
      used.set(envKey, values.add(released.value))
      return released
    }

    /** Decides on every placeholder of a hop, then sends it. */
    const send = async (hop: Hop): Promise<TransportResponse> => {
      const wanted = new Set<string>()
      substitute(hop, places, known, (envKey) => {
        wanted.add(envKey)
        return ""
      })
      const values = new Map<string, string>()
      const url = new URL(hop.url)
      for (const envKey of wanted) {
        const { value, host } = await release(hop.url, envKey)
        values.set(envKey, value)
        url.hostname = host
      }
      const wire = substitute({ ...hop, url }, places, known, (envKey) => values.get(envKey) ?? "")
      const headers = new Headers(wire.headers)
      if (mask) headers.set("accept-encoding", acceptEncoding)

      let streamFault: unknown
      let answered = false
      const valueInStream = async (envKey: string): Promise<string> => {
        // The answer is masked for the values known when it came.
        if (answered && !values.has(envKey))
          throw new GuardedFetchError("RELEASE_REFUSED", `${envKey} came after the answer had begun`, { envKey })
        const value = values.get(envKey) ?? (await release(hop.url, envKey)).value
        values.set(envKey, value)
        return value
      }
      let { body } = wire
      if (body instanceof ReadableStream && places.body) {
        headers.delete("content-length")
        const contentType = headers.get("content-type") ?? ""
        body = body.pipeThrough(
          substituteStream(contentType, known, (envKey) =>
            valueInStream(envKey).catch((error) => {
              streamFault = error
              throw error
            }),
          ),
        )
      }
      try {
        const init: TransportInit = {
          method: hop.method,
          headers: [...headers],
          body,
          duplex: "half",
          redirect: "manual",
          signal,
        }
        const response = await transport(wire.url, init)
        answered = true
        return response
      } catch (error) {
        throw streamFault ?? transportFault(error, signal, hop.url.host)
      }
    }

    return { send, reflection: () => reflectionOf(used, known.of) }
  }

  return {
    placeholder: known.of,

    async fetch(input, init) {
      const { hop: first, redirect, signal } = await readRequest(input, init, allowCleartext)
      const { send, reflection } = exchange(signal)
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
