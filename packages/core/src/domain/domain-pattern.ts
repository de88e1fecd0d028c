/** `allowed_domains` as it is written: patterns in one canonical form, or refused with a reason. */
import {
  canonicalHost,
  type DomainRefusal,
  type DomainRefusalReason,
  type HostParser,
  refuseDomain,
  withoutTrailingDot,
} from "./domain-host.ts"

export interface DomainOptions {
  /**
   * Shared suffixes that a wildcard may cover, in canonical form: `["github.io"]` allows `*.github.io` and no more.
   * A public suffix (`com`, `co.uk`) named here is refused all the same. Default: none.
   */
  readonly sharedSuffixes?: readonly string[]
}

export type DomainResult = { readonly ok: true; readonly domain: string } | DomainRefusal

export type DomainListResult =
  | { readonly ok: true; readonly domains: readonly string[] }
  /** `index` of the first refused pattern; `undefined` when it is the list that is refused. */
  | (DomainRefusal & { readonly index: number | undefined })

export const MAX_PATTERNS = 100

/** What is refused by sight, in this order: a URL is called a URL before its parts are named. */
const forbidden: readonly (readonly [text: string, reason: DomainRefusalReason])[] = [
  ["://", "scheme"],
  ["/", "path"],
  ["\\", "backslash"],
  ["?", "query"],
  ["#", "fragment"],
  ["@", "userinfo"],
  ["[", "ip_literal"],
  [":", "port"],
  ["%", "percent"],
]

/** A pattern taken apart: an exact host, or a wildcard and its base. */
export interface DomainPattern {
  readonly wildcard: boolean
  readonly host: string
}

/** Of a pattern in canonical form. */
export const storedPattern = (domain: string): DomainPattern =>
  domain.startsWith("*.") ? { wildcard: true, host: domain.slice(2) } : { wildcard: false, host: domain }

/** `pattern = [ "*." ] host`, without a look at the suffix list; the host may still be a single label. */
export const readPattern = (
  pattern: unknown,
  parser: HostParser,
): ({ readonly ok: true } & DomainPattern) | DomainRefusal => {
  if (typeof pattern !== "string") return refuseDomain("not_a_string")
  if (/[\s\p{Cc}]/u.test(pattern)) return refuseDomain("whitespace_or_control")
  const fault = forbidden.find(([text]) => pattern.includes(text))
  if (fault) return refuseDomain(fault[1])

  const { wildcard, host: name } = storedPattern(pattern)
  if (name.includes("*")) return refuseDomain("wildcard_position")
  const result = canonicalHost(withoutTrailingDot(name), parser)
  return result.ok ? { ok: true, wildcard, host: result.host } : result
}

/** Never throws, whatever pattern it is given. */
export const canonicalPattern = (pattern: unknown, parser: HostParser, options: DomainOptions): DomainResult => {
  const read = readPattern(pattern, parser)
  if (!read.ok) return read
  const { wildcard, host } = read
  // A single label is a suffix, on the list or not: `*.com`, `*.internal`.
  if (!host.includes(".")) return refuseDomain(wildcard ? "public_suffix" : "single_label")
  if (!wildcard) return { ok: true, domain: host }
  const { registrableDomain, shared } = parser.suffixOf(host)
  if (registrableDomain === undefined) {
    if (!shared) return refuseDomain("public_suffix")
    if (!options.sharedSuffixes?.some((suffix) => suffix === host)) return refuseDomain("shared_suffix")
  }
  return { ok: true, domain: `*.${host}` }
}

/** 0 to 100 patterns as given; equal ones are collapsed, the order is kept. An empty list means no restriction. */
export const canonicalPatterns = (patterns: unknown, parser: HostParser, options: DomainOptions): DomainListResult => {
  if (!Array.isArray(patterns)) return { ...refuseDomain("not_a_list"), index: undefined }
  if (patterns.length > MAX_PATTERNS) return { ...refuseDomain("too_many"), index: undefined }
  const domains = new Set<string>()
  for (const [index, pattern] of patterns.entries()) {
    const result = canonicalPattern(pattern, parser, options)
    if (!result.ok) return { ...result, index }
    domains.add(result.domain)
  }
  return { ok: true, domains: [...domains] }
}
