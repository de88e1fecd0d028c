import { Readable, Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Response as ExpressResponse } from "express"
import { ForwardError } from "./errors.ts"

/** Tells an upstream's answer from our own. */
export const originHeader = "Strongroom-Forward"

/** Where the answer's `Location` is told. Under its own name clients would follow it, and proxies rewrite it, as ours. */
const locationHeader = "strongroom-forward-location"

/**
 * What describes the content, pages through it, or tells when to ask again. Nothing else is relayed: headers are how an
 * upstream commands the proxy in front of us (`X-Accel-Redirect`, `X-Sendfile`), caches (`Surrogate-Control`) and browsers
 * (`Set-Cookie`, `WWW-Authenticate`, `Strict-Transport-Security`), and there is no complete list of those. `Link` loads
 * nothing, as the policy below forbids all sources.
 */
const relayed = new Set([
  "accept-ranges",
  "allow",
  "content-disposition",
  "content-language",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "x-request-id",
])
const rateLimits = /^(?:x-)?ratelimit(?:-|$)/

const headersOf = ({ headers }: Response): Record<string, string> => {
  const kept = [...headers].filter(([name]) => relayed.has(name) || rateLimits.test(name))
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name === "location" ? locationHeader : name, value])),
    // Last, so that an upstream cannot set them. It comes from our address, but nobody should take it for ours or keep it.
    "cache-control": "no-store",
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    [originHeader.toLowerCase()]: "upstream",
  }
}

export const tooLarge = (limit: number) =>
  new ForwardError("RESPONSE_TOO_LARGE", `the upstream's answer has more than ${limit} bytes`)

const atMost = (limit: number): Transform => {
  let passed = 0
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      passed += chunk.length
      if (passed > limit) done(tooLarge(limit))
      else done(null, chunk)
    },
  })
}

/**
 * Hands an upstream's answer on as it comes. One that turns out too long, fails, or takes too long is cut off, so that
 * nobody takes a part for the whole.
 */
export const relay = async (
  upstream: Response,
  res: ExpressResponse,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<void> => {
  res.removeHeader("X-Powered-By")
  try {
    res.writeHead(upstream.status, headersOf(upstream))
  } catch (error) {
    await upstream.body?.cancel()
    throw error
  }
  if (upstream.body === null) return void res.end()
  res.flushHeaders()
  await pipeline(Readable.fromWeb(upstream.body), atMost(maxBytes), res, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error
  })
}
