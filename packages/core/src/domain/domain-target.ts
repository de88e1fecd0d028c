/** Where a secret is to be sent: a URL, `host` or `host:port`, read as the connection will read it or refused. */
import { canonicalHost, type HostParser, withoutTrailingDot } from "./domain-host.ts"

/** Why a target may not have a secret: the stable codes, each with the sentence that goes to the user. */
export const releaseRefusals = {
  host_not_allowed: "none of the secret's allowed domains covers the target's host",
  suffix_boundary:
    "an allowed wildcard ends at a suffix under which others can get a name, and the target lies beyond it",
  insecure_scheme: "the target's scheme must be https or wss (http and ws where the caller allows cleartext)",
  ip_literal: "the target is an IP address, and secrets are released to host names only",
  ambiguous_url: "the target cannot be read as a URL, 'host' or 'host:port' in one way only",
} as const

export type ReleaseRefusalReason = keyof typeof releaseRefusals

export interface ReleaseRefusal {
  readonly allowed: false
  readonly reason: ReleaseRefusalReason
}

export const refuseRelease = (reason: ReleaseRefusalReason): ReleaseRefusal => ({ allowed: false, reason })

/** `host`: canonical, to connect to instead of what was given. */
export type TargetResult = { readonly allowed: true; readonly host: string } | ReleaseRefusal

/**
 * A host's A-labels take at most 253 octets, and a character at most 12 in percent-encoded UTF-8. Asked before parsing
 * because punycode takes quadratic time: seconds for a hundred thousand characters.
 */
const MAX_AUTHORITY = 4_096

const secure = ["https:", "wss:"]
const cleartext = ["http:", "ws:"]

/** The host as the WHATWG parser has it, which is what `fetch` connects to. */
const hostOfUrl = (target: string, authority: string, allowCleartext: boolean): TargetResult => {
  // Of the authority and not of `url.username`, which is empty for `https://@host` too.
  if (authority.length > MAX_AUTHORITY || authority.includes("@")) return refuseRelease("ambiguous_url")
  const url = URL.parse(target)
  if (url === null) return refuseRelease("ambiguous_url")
  if (!secure.includes(url.protocol) && !(allowCleartext && cleartext.includes(url.protocol))) {
    return refuseRelease("insecure_scheme")
  }
  return { allowed: true, host: url.hostname }
}

const isPort = (port: string) => /^[0-9]{1,5}$/.test(port) && Number(port) <= 65_535

const hostOfAuthority = (target: string): TargetResult => {
  // IPv6 with brackets or without: a name has one colon at most.
  if (/^\[|^[0-9a-f.]*:[0-9a-f.]*:/i.test(target)) return refuseRelease("ip_literal")
  const [host = "", port, ...rest] = target.split(":")
  if (/[/?#@%\]]/.test(host) || rest.length > 0 || (port !== undefined && !isPort(port))) {
    return refuseRelease("ambiguous_url")
  }
  return { allowed: true, host }
}

/**
 * Never throws, whatever target it is given. What has no `scheme://` is a host and must be written as a pattern's host
 * would be; a URL's host is judged by what the parser yields.
 */
export const readTarget = (target: unknown, parser: HostParser, allowCleartext: boolean): TargetResult => {
  // The URL parser drops tabs and line breaks, and takes "\" for "/".
  if (typeof target !== "string" || /[\s\p{Cc}\\]/u.test(target)) return refuseRelease("ambiguous_url")
  const authority = /^[a-z][a-z0-9+.-]*:\/\/+([^/?#]*)/i.exec(target)?.[1]
  const named = authority === undefined ? hostOfAuthority(target) : hostOfUrl(target, authority, allowCleartext)
  if (!named.allowed) return named
  if (named.host.startsWith("[")) return refuseRelease("ip_literal")
  const canonical = canonicalHost(withoutTrailingDot(named.host), parser)
  if (!canonical.ok) return refuseRelease(canonical.reason === "ip_literal" ? "ip_literal" : "ambiguous_url")
  // `localhost` and the like: a name, which no pattern can be.
  return canonical.host.includes(".") ? { allowed: true, host: canonical.host } : refuseRelease("host_not_allowed")
}
