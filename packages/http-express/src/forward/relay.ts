import { Readable, Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Response as ExpressResponse } from "express"
import { ForwardError } from "./errors.ts"

/** Tells an upstream's answer from our own. */
export const originHeader = "Strongroom-Forward"

/** Of one connection (RFC 9110, 7.6.1), of the body's coding, which is undone, or addressed to the origin we are not. */
const notRelayed = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-encoding",
  "content-length",
  // a session that the secret opened stays where the secret is, and no upstream sets cookies of our host
  "set-cookie",
  "set-cookie2",
  "alt-svc",
  "clear-site-data",
  "nel",
  "refresh",
  "report-to",
  "reporting-endpoints",
  "service-worker-allowed",
  "strict-transport-security",
])
const notRelayedPrefixes = ["access-control-", "content-security-policy", "cross-origin-"]

const isRelayed = (name: string, named: ReadonlySet<string>) =>
  !notRelayed.has(name) && !named.has(name) && !notRelayedPrefixes.some((prefix) => name.startsWith(prefix))

const headersOf = ({ headers }: Response): Record<string, string> => {
  const named = new Set((headers.get("connection") ?? "").toLowerCase().split(/[\s,]+/))
  const relayed = [...headers].filter(([name]) => isRelayed(name, named))
  return {
    ...Object.fromEntries(relayed),
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
  res.writeHead(upstream.status, headersOf(upstream))
  if (upstream.body === null) return void res.end()
  res.flushHeaders()
  await pipeline(Readable.fromWeb(upstream.body), atMost(maxBytes), res, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error
  })
}
