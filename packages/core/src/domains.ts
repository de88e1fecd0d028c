/** `@strongroom/core/domains`: the rules of `allowed_domains`, usable without an engine. Pure, no I/O. */
import { domainToASCII, domainToUnicode } from "node:url"
import { parse } from "tldts"
import type { HostParser } from "./domain/domain-host.ts"
import {
  canonicalPattern,
  canonicalPatterns,
  type DomainListResult,
  type DomainOptions,
  type DomainResult,
} from "./domain/domain-pattern.ts"

export { type DomainRefusal, type DomainRefusalReason, domainRefusals } from "./domain/domain-host.ts"
export type { DomainListResult, DomainOptions, DomainResult } from "./domain/domain-pattern.ts"

const parser: HostParser = {
  toAscii: domainToASCII,
  toUnicode: domainToUnicode,
  suffixOf(host) {
    const { domain, isPrivate } = parse(host, { allowPrivateDomains: true, extractHostname: false })
    return { registrableDomain: domain ?? undefined, shared: isPrivate === true }
  },
}

/**
 * The canonical form of one pattern, a host name or `*.` and a host name: lower case, A-labels (`xn--…`), no trailing dot.
 * Compare and store this form, and show it to who wrote the pattern.
 *
 * @returns `{ ok: true, domain }`, or `{ ok: false, reason, message }` with a key of {@link domainRefusals}; never throws
 * @example canonicalDomain("*.BÜCHER.example.") // { ok: true, domain: "*.xn--bcher-kva.example" }
 */
export const canonicalDomain = (pattern: string, options: DomainOptions = {}): DomainResult =>
  canonicalPattern(pattern, parser, options)

/**
 * The canonical form of an `allowed_domains` list of 0 to 100 patterns. Equal ones are collapsed, the order is kept.
 * An empty list means no restriction.
 *
 * @returns `{ ok: true, domains }`, or the first refusal with the `index` of its pattern; never throws
 */
export const canonicalDomainList = (patterns: readonly string[], options: DomainOptions = {}): DomainListResult =>
  canonicalPatterns(patterns, parser, options)
