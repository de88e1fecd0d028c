/** Which hosts a list of patterns covers. Compares whole labels of canonical forms; nothing here is a glob or a regular expression. */
import type { HostParser } from "./domain-host.ts"
import type { DomainOptions, DomainPattern } from "./domain-pattern.ts"

export interface MatchOptions extends DomainOptions {
  /**
   * How many labels a wildcard stands for: one or more (`any-depth`, the default), or exactly one as RFC 9525,
   * section 6.3, reads it (`one-label`).
   */
  readonly wildcard?: "any-depth" | "one-label"
}

/** `boundary`: the host is below the wildcard's base, but somebody else may hold it. */
type Coverage = "covered" | "boundary" | "outside"

/** `host` must be canonical. */
const coverage = (pattern: DomainPattern, host: string, parser: HostParser, options: MatchOptions): Coverage => {
  const { wildcard, host: base } = pattern
  if (!wildcard) return host === base ? "covered" : "outside"
  if (!host.endsWith(`.${base}`)) return "outside"
  const labels = host.slice(0, -base.length - 1).split(".")
  if (options.wildcard === "one-label" && labels.length > 1) return "outside"
  const ofBase = parser.suffixOf(base)
  const ofHost = parser.suffixOf(host)
  if (ofBase.registrableDomain !== undefined) {
    return ofHost.registrableDomain === ofBase.registrableDomain ? "covered" : "boundary"
  }
  // A suffix: only a shared one that configuration names, and not beyond another suffix below it.
  const allowed = ofBase.shared && options.sharedSuffixes?.some((suffix) => suffix === base) === true
  return allowed && ofHost.registrableDomain === `${labels.at(-1)}.${base}` ? "covered" : "boundary"
}

/** Whether the list covers a canonical host; `undefined` when it does. No patterns mean no restriction. */
export const hostRefusal = (
  patterns: readonly DomainPattern[],
  host: string,
  parser: HostParser,
  options: MatchOptions,
): "host_not_allowed" | "suffix_boundary" | undefined => {
  const found = patterns.map((pattern) => coverage(pattern, host, parser, options))
  if (found.length === 0 || found.includes("covered")) return undefined
  return found.includes("boundary") ? "suffix_boundary" : "host_not_allowed"
}

/**
 * Whether `after` covers a host that `before` does not. A wildcard lies within another if its base does, since both end
 * at the same registrable domain; no number of exact hosts makes up a wildcard.
 */
export const widensPatterns = (
  before: readonly DomainPattern[],
  after: readonly DomainPattern[],
  parser: HostParser,
  options: MatchOptions,
): boolean => {
  if (before.length === 0) return false
  if (after.length === 0) return true
  const within = (inner: DomainPattern) => (outer: DomainPattern) => {
    if (inner.wildcard && outer.wildcard && inner.host === outer.host) return true
    if (inner.wildcard && (!outer.wildcard || options.wildcard === "one-label")) return false
    return coverage(outer, inner.host, parser, options) === "covered"
  }
  return !after.every((inner) => before.some(within(inner)))
}
