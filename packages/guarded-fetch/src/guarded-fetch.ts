import { isStrongroomError, type Principal, type redact, reveal } from "@strongroom/core"
import { causeCode, GuardedFetchError } from "./errors.ts"
import { acceptEncoding, type Masking, maskedResponse, type TransportResponse } from "./masked-response.ts"
import { masking } from "./masker.ts"
import { needlesOf } from "./needles.ts"
import { placeholders } from "./placeholders.ts"
import { isRedirect, nextHop, parseTarget } from "./redirects.ts"
import { type Hop, type SubstitutePlaces, substitute, substituteStream } from "./substitute.ts"

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

/** What a transport is given, hop by hop. `redirect` is always `manual`: it must not follow. */
export interface TransportInit {
  method: string
  headers: [string, string][]
  body: Uint8Array | ReadableStream<Uint8Array> | null
  duplex: "half"
  redirect: "manual"
  signal: AbortSignal
}

/** `globalThis.fetch`, undici's `fetch`, or one of yours. It must verify TLS, not follow redirects, and decode bodies. */
export type Transport = (url: string, init: TransportInit) => Promise<TransportResponse>

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
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** What stands for a secret in a request. Throws `INVALID_INPUT` unless `envKey` is an env key. */
  placeholder(envKey: string): string
}

/** Values that a chain of hops has used, by env key; rotation may give one key several. */
type Used = Map<string, Set<string>>

/** Of the types that a body may have, streams alone have this; Node takes any async iterable. */
const isStream = (body: RequestInit["body"]): boolean =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body

const addressOf = (input: string | URL | Request): string =>
  typeof input === "string" ? input : input instanceof URL ? input.href : input.url

/** Reads the caller's request. All bodies but streams are read into memory, so that they can be searched and sent again. */
const firstHop = async (
  input: string | URL | Request,
  init: RequestInit | undefined,
  allowCleartext: boolean,
): Promise<{ hop: Hop; redirect: Request["redirect"]; signal: AbortSignal }> => {
  const url = parseTarget(addressOf(input), undefined, allowCleartext)
  const request = new Request(input, isStream(init?.body) ? { ...init, duplex: "half" } : init)
  const { method, headers, redirect, signal } = request
  signal.throwIfAborted()
  const refuse = (reason: string, message: string) => new GuardedFetchError("TARGET_REFUSED", message, { reason })
  if (request.integrity !== "") throw refuse("integrity", "integrity is not supported: masking changes the body")
  // Behind a shared front, TLS proves one name and Host chooses another.
  if ((headers.get("host") ?? url.host) !== url.host) throw refuse("host_header", "Host differs from the URL's host")
  headers.delete("host")
  const readable = init?.body == null || isStream(init.body)
  const body = readable ? request.body : new Uint8Array(await request.arrayBuffer())
  if (!readable) headers.delete("content-length")
  return { hop: { url, method, headers, body }, redirect, signal }
}

const maskingOf = (used: Used, placeholderOf: (envKey: string) => string): Masking | undefined => {
  const entries = [...used].flatMap(([envKey, values]) => [...values].map((value) => ({ envKey, value })))
  const patterns = entries.flatMap(({ envKey, value }) => {
    const replacement = Buffer.from(placeholderOf(envKey))
    return needlesOf(value).map((needle) => ({ needle, replacement }))
  })
  if (patterns.length === 0) return undefined
  const start = masking(patterns)
  const names = entries.filter(({ value }) => needlesOf(value).length > 0).map(({ value }) => value.toLowerCase())
  return {
    start,
    text(text) {
      const masker = start()
      return Buffer.concat([masker.push(Buffer.from(text, "latin1")), masker.end()]).toString("latin1")
    },
    inName: (name) => names.some((value) => name.includes(value)),
  }
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
  const releaseFor = async (url: URL, envKey: string, used: Used) => {
    try {
      const { value, host } = await release({ envKey, target: url.origin, allowCleartext })
      const text = reveal(value)
      const values = used.get(envKey) ?? new Set()
      used.set(envKey, values.add(text))
      return { text, host }
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

  /** Decides on every placeholder of a hop, then sends it. */
  const send = async (hop: Hop, signal: AbortSignal, used: Used): Promise<TransportResponse> => {
    const wanted = new Set<string>()
    substitute(hop, places, known, (envKey) => {
      wanted.add(envKey)
      return ""
    })
    const values = new Map<string, string>()
    const url = new URL(hop.url)
    for (const envKey of wanted) {
      const { text, host } = await releaseFor(hop.url, envKey, used)
      signal.throwIfAborted()
      values.set(envKey, text)
      url.hostname = host
    }
    const wire = substitute({ ...hop, url }, places, known, (envKey) => values.get(envKey) ?? "")
    const headers = mask ? wire.headers.filter(([name]) => name !== "accept-encoding") : wire.headers
    if (mask) headers.push(["accept-encoding", acceptEncoding])

    let bodyFault: unknown
    let answered = false
    const valueInStream = async (envKey: string): Promise<string> => {
      const present = values.get(envKey)
      if (present !== undefined) return present
      try {
        // The answer is masked for the secrets known when it came.
        if (answered)
          throw new GuardedFetchError("RELEASE_REFUSED", `${envKey} came after the answer had begun`, { envKey })
        const { text } = await releaseFor(hop.url, envKey, used)
        values.set(envKey, text)
        return text
      } catch (error) {
        bodyFault = error
        throw error
      }
    }
    const body =
      wire.body instanceof ReadableStream && places.body
        ? wire.body.pipeThrough(substituteStream(hop.headers.get("content-type") ?? "", known, valueInStream))
        : wire.body
    try {
      const response = await transport(wire.url, {
        method: hop.method,
        headers,
        body,
        duplex: "half",
        redirect: "manual",
        signal,
      })
      answered = true
      return response
    } catch (error) {
      throw bodyFault ?? faultOf(error, signal, hop.url.host)
    }
  }

  const faultOf = (error: unknown, signal: AbortSignal, host: string): unknown => {
    if (signal.aborted) return signal.reason
    const cause = causeCode(error)
    return new GuardedFetchError("TRANSPORT_FAILED", `the request to ${host} failed: ${cause}`, { host, cause })
  }

  return {
    placeholder: known.of,

    async fetch(input, init) {
      const first = await firstHop(input, init, allowCleartext)
      const { redirect, signal } = first
      const used: Used = new Map()
      let hop = first.hop
      for (let redirects = 0; ; redirects++) {
        const response = await send(hop, signal, used)
        const masked = maskingOf(used, known.of)
        const location = response.headers.get("location")
        if (redirect === "manual" || !isRedirect(response.status, location))
          return maskedResponse(
            response,
            mask ? masked : undefined,
            { url: hop.url.href, redirected: redirects > 0 },
            (error) => faultOf(error, signal, hop.url.host),
          )
        await response.body
          ?.getReader()
          .cancel()
          .catch(() => {})
        const { host } = hop.url
        if (redirect === "error")
          throw new GuardedFetchError("REDIRECT_REFUSED", `${host} redirects, which the request forbids`, { host })
        if (redirects >= maxRedirects)
          throw new GuardedFetchError("REDIRECT_LIMIT", `more than ${maxRedirects} redirects`, { host })
        // Masked whatever `mask` says: a host that reflects a value into Location must not send it to another.
        const target = Buffer.from(masked?.text(location) ?? location, "latin1").toString()
        hop = nextHop(hop, response.status, target, allowCleartext)
      }
    },
  }
}
