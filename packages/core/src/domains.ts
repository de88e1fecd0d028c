/** `@strongroom/core/domains`: the rules of `allowed_domains`, usable without an engine. Pure, no I/O. */
import { refuseDomain } from "./domain/domain-host.ts"
import { hostRefusal, type MatchOptions, widensPatterns } from "./domain/domain-match.ts"
import {
  canonicalPattern,
  canonicalPatterns,
  type DomainListResult,
  type DomainOptions,
  type DomainPattern,
  type DomainResult,
  MAX_PATTERNS,
  readPattern,
  storedPattern,
} from "./domain/domain-pattern.ts"
import { readTarget, refuseRelease, type TargetResult } from "./domain/domain-target.ts"
import { hostParser } from "./host-parser.ts"

export { type DomainRefusal, type DomainRefusalReason, domainRefusals } from "./domain/domain-host.ts"
export type { MatchOptions } from "./domain/domain-match.ts"
export type { DomainListResult, DomainOptions, DomainResult } from "./domain/domain-pattern.ts"
export {
  type ReleaseRefusal,
  type ReleaseRefusalReason,
  releaseRefusals,
  type TargetResult,
} from "./domain/domain-target.ts"

/** Only a Proxy or a getter among the arguments can throw here; it is refused like anything else that is not understood. */
const total = <A>(decide: () => A, refusal: A): A => {
  try {
    return decide()
  } catch {
    return refusal
  }
}

/**
 * The canonical form of one pattern, a host name or `*.` and a host name: lower case, A-labels (`xn--…`), no trailing dot.
 * Compare and store this form, and show it to who wrote the pattern.
 *
 * @returns `{ ok: true, domain }`, or `{ ok: false, reason, message }` with a key of {@link domainRefusals}; never throws
 * @example canonicalDomain("*.BÜCHER.example.") // { ok: true, domain: "*.xn--bcher-kva.example" }
 */
export const canonicalDomain = (pattern: string, options: DomainOptions = {}): DomainResult =>
  total(() => canonicalPattern(pattern, hostParser, options), refuseDomain("shared_suffix"))

/**
 * The canonical form of an `allowed_domains` list of 0 to 100 patterns. Equal ones are collapsed, the order is kept.
 * An empty list means no restriction.
 *
 * @returns `{ ok: true, domains }`, or the first refusal with the `index` of its pattern; never throws
 */
export const canonicalDomainList = (patterns: readonly string[], options: DomainOptions = {}): DomainListResult =>
  total(() => canonicalPatterns(patterns, hostParser, options), { ...refuseDomain("not_a_list"), index: undefined })

/** What is no pattern covers nothing, and still is no empty list. */
const readPatterns = (patterns: readonly string[]): readonly DomainPattern[] =>
  Array.from({ length: patterns.length }, (_, index) => {
    const read = readPattern(patterns[index], hostParser)
    return read.ok ? read : { wildcard: false, host: "" }
  })

/**
 * Whether a secret with these allowed domains may be sent to a target: a URL, `host` or `host:port`. An empty list means
 * no restriction, of host names: an address, cleartext or an unclear target is refused whatever the list.
 *
 * @param options `allowCleartext`: let `http:` and `ws:` URLs pass too. `sharedSuffixes`: as for {@link canonicalDomain}.
 *   `wildcard`: see {@link MatchOptions}.
 * @returns `{ allowed: true, host }` with the canonical host, to connect to instead of what was given; or
 *   `{ allowed: false, reason }` with a key of {@link releaseRefusals}; never throws
 * @example matchAllowedDomains(["*.example.com"], "https://API.example.com/v1") // { allowed: true, host: "api.example.com" }
 */
export const matchAllowedDomains = (
  patterns: readonly string[],
  target: string,
  options: MatchOptions & { readonly allowCleartext?: boolean } = {},
): TargetResult =>
  total((): TargetResult => {
    const read = readTarget(target, hostParser, options.allowCleartext === true)
    if (!read.allowed) return read
    if (!Array.isArray(patterns) || patterns.length > MAX_PATTERNS) return refuseRelease("host_not_allowed")
    const refusal = hostRefusal(readPatterns(patterns), read.host, hostParser, options)
    return refusal === undefined ? read : refuseRelease(refusal)
  }, refuseRelease("ambiguous_url"))

/**
 * Whether a change of allowed domains lets some host have the secret that might not have it before. Takes canonical
 * forms; the empty list is the widest.
 */
export const widens = (before: readonly string[], after: readonly string[], options: MatchOptions = {}): boolean =>
  widensPatterns(before.map(storedPattern), after.map(storedPattern), hostParser, options)
