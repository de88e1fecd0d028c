import { GuardedFetchError } from "./errors.ts"
import type { Hop } from "./substitute.ts"

const redirectStatuses = new Set([301, 302, 303, 307, 308])

export const isRedirect = (status: number, location: string | null): location is string =>
  location !== null && redirectStatuses.has(status)

const ofTheOrigin = ["authorization", "cookie", "host", "proxy-authorization"]
// The fetch standard's request-body-header names, and the length, which the transport counts.
const ofTheBody = ["content-encoding", "content-language", "content-length", "content-location", "content-type"]

// `URL` shows no user information for `https://@host`. `https:/@host` and `https:@host` have some too, `/@name` has none.
const userInformation = /^(?:[a-z][a-z0-9+.-]*:\/*|\/{2,})[^/?#]*@/i

/**
 * Parses a target. Refuses what parsers read differently (control characters, `\`, and white space but in what a redirect
 * gives as `base`'s next), user information, other schemes than https, and http unless `allowCleartext`.
 */
export const parseTarget = (text: string, base: URL | undefined, allowCleartext: boolean): URL => {
  const refuse = (reason: string, message: string) => new GuardedFetchError("TARGET_REFUSED", message, { reason })
  // The URL parser drops them, or keeps them, silently. Servers do write spaces into Location, and browsers follow.
  if ((base === undefined ? /[\s\p{Cc}\\]/u : /[\p{Cc}\\]/u).test(text))
    throw refuse("ambiguous_url", "a URL must not have white space, control characters or backslashes")
  const url = URL.parse(text, base?.href)
  if (url === null) throw refuse("invalid_url", "the URL cannot be parsed")
  if (userInformation.test(text) || url.username !== "" || url.password !== "")
    throw refuse("userinfo", "a URL must not have user information")
  if (url.protocol === "http:" && !allowCleartext)
    throw new GuardedFetchError("CLEARTEXT_REFUSED", "http is refused unless allowCleartext is set", { host: url.host })
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse("scheme", "the URL must begin with https:")
  return url
}

/**
 * The next hop of a redirect, by the fetch standard ("HTTP-redirect fetch"). Where the origin changes, Authorization,
 * Cookie and Proxy-Authorization stay behind, placeholder or not.
 */
export const nextHop = (hop: Hop, status: number, location: string, allowCleartext: boolean): Hop => {
  const url = parseTarget(location, hop.url, allowCleartext)
  if (url.hash === "") url.hash = hop.url.hash
  if (status !== 303 && hop.body instanceof ReadableStream)
    throw new GuardedFetchError("BODY_NOT_REPLAYABLE", "a redirect asks for the body again, which was a stream", {
      host: url.host,
    })
  const headers = new Headers(hop.headers)
  if (url.origin !== hop.url.origin) for (const name of ofTheOrigin) headers.delete(name)
  const becomesGet =
    status === 303 ? hop.method !== "GET" && hop.method !== "HEAD" : status < 303 && hop.method === "POST"
  if (!becomesGet) return { ...hop, url, headers }
  for (const name of ofTheBody) headers.delete(name)
  return { url, headers, method: "GET", body: null }
}
