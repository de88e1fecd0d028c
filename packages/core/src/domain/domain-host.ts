/** Host names as `allowed_domains` compares them: lower-case A-labels, at least two, none of them a spelling of an address. */

/** The Unicode tables and the public suffix list, which this folder does not own. */
export interface HostParser {
  /** UTS-46 to A-labels, the empty string where there is no valid form. Takes well-formed and other strings. */
  toAscii(host: string): string
  /** UTS-46 to U-labels, the empty string where there is no valid form. */
  toUnicode(host: string): string
  /** What the public suffix list says of a canonical host, its private section included. */
  suffixOf(host: string): HostSuffix
}

export interface HostSuffix {
  /** The suffix and one label more; `undefined` when the host is itself a suffix. */
  readonly registrableDomain: string | undefined
  /** Whether the suffix is of the list's private section: a company's, under which it gives names to others. */
  readonly shared: boolean
}

/** Why a pattern or a list of them is refused: the stable codes, each with the sentence that goes to the user. */
export const domainRefusals = {
  not_a_string: "a domain pattern must be a string",
  whitespace_or_control: "a domain pattern must not contain whitespace or control characters",
  scheme: "a domain pattern must not contain '://'; give the host name alone",
  path: "a domain pattern must not contain a path ('/')",
  backslash: "a domain pattern must not contain '\\'",
  query: "a domain pattern must not contain a query ('?')",
  fragment: "a domain pattern must not contain a fragment ('#')",
  userinfo: "a domain pattern must not contain user information ('@')",
  port: "a domain pattern must not contain ':'; ports are not compared and IP addresses are not allowed",
  percent: "a domain pattern must not contain '%'",
  ip_literal: "a domain pattern must not be an IP address, in any spelling",
  wildcard_position: "'*' is allowed only as the whole first label: '*.example.com'",
  invalid_idna: "a domain pattern's international labels must be valid under UTS-46",
  ambiguous_unicode:
    "a domain pattern must not contain characters that turn into others; give the A-label form ('xn--…')",
  too_long: "a domain pattern's host must have at most 253 octets in A-label form",
  empty_label: "a domain pattern must not be empty or have empty labels",
  label_too_long: "a domain pattern's labels must have at most 63 octets in A-label form",
  hyphen: "a domain pattern's labels must not begin or end with '-'",
  invalid_character: "a domain pattern's labels must consist of letters, digits, '-' and '_'",
  single_label: "a domain pattern must have at least two labels",
  public_suffix: "a wildcard must not cover a public suffix, under which anybody can register a name",
  shared_suffix:
    "a wildcard must not cover a shared suffix, under which others can get a name, unless configuration allows that suffix",
  not_a_list: "domain patterns must be given as a list",
  too_many: "a list must have at most 100 domain patterns",
} as const

export type DomainRefusalReason = keyof typeof domainRefusals

export interface DomainRefusal {
  readonly ok: false
  readonly reason: DomainRefusalReason
  /** For people; never contains what was given. */
  readonly message: string
}

export const refuseDomain = (reason: DomainRefusalReason): DomainRefusal => ({
  ok: false,
  reason,
  message: domainRefusals[reason],
})

export type HostResult = { readonly ok: true; readonly host: string } | DomainRefusal

export const withoutTrailingDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name)

const MAX_HOST = 253
const MAX_LABEL = 63

// ASCII alone: a label such as "xn--a\u3002b" is for UTS-46 to judge, not to be taken as given.
const isALabel = (label: string) => /^xn--\p{ASCII}*$/u.test(label)

/**
 * Whether a character's lower-case form is another letter to a reader or to another parser. The Kelvin sign gives "k", a capital
 * I with a dot "i" and a combining dot; capital sharp s is "ss" in UTS-46 up to Unicode 15.0 (Node 22), "ß" from 15.1 on (Node 24).
 */
const becomesAnother = (character: string) =>
  character === "\u1E9E" || (/\P{ASCII}/u.test(character) && /\p{ASCII}/u.test(character.toLowerCase()))

/** A host with non-ASCII characters in A-labels, if that changes no more than the case of what is seen. */
const asciiForm = (host: string, parser: HostParser): HostResult => {
  // Each code point takes at least one octet. Asked first because punycode takes quadratic time.
  if (host.length > 2 * MAX_HOST) return refuseDomain("too_long")
  const ascii = parser.toAscii(host)
  if (ascii === "") return refuseDomain("invalid_idna")
  const seen = host.toLowerCase().split(".")
  const back = seen.map((label) => (isALabel(label) ? parser.toUnicode(label) : label)).join(".")
  if (parser.toUnicode(ascii) !== back || [...host].some(becomesAnother)) return refuseDomain("ambiguous_unicode")
  return { ok: true, host: ascii }
}

/** Stricter than the URL parsers, which do not mind hyphens at the edges and underscores in an A-label's Unicode form. */
const validALabels = (host: string, parser: HostParser): boolean =>
  parser.toAscii(parser.toUnicode(host)) === host &&
  host.split(".").every((label) => !isALabel(label) || !/^-|-$|^..--|_/u.test(parser.toUnicode(label)))

const grammarFault = (host: string, parser: HostParser): DomainRefusalReason | undefined => {
  if (host.length > MAX_HOST) return "too_long"
  const labels = host.split(".")
  for (const label of labels) {
    if (label === "") return "empty_label"
    if (!/^[a-z0-9_-]+$/.test(label)) return "invalid_character"
    if (label.startsWith("-") || label.endsWith("-")) return "hyphen"
    if (label.length > MAX_LABEL) return "label_too_long"
  }
  if (/(^|\.)([0-9]+|0x[^.]*)$/.test(host)) return "ip_literal"
  return labels.some(isALabel) && !validALabels(host, parser) ? "invalid_idna" : undefined
}

/**
 * The canonical form of a host name without its trailing dot: non-ASCII to A-labels by UTS-46, ASCII lower-cased, checked
 * label by label. One label alone is for the caller to refuse: which fault that is depends on what the name stands in.
 * Lower-casing is that of ASCII alone by then: "\u212A".toLowerCase() is "k".
 */
export const canonicalHost = (host: string, parser: HostParser): HostResult => {
  const ascii: HostResult = /\P{ASCII}/u.test(host) ? asciiForm(host, parser) : { ok: true, host }
  if (!ascii.ok) return ascii
  const lower = ascii.host.toLowerCase()
  const fault = grammarFault(lower, parser)
  return fault === undefined ? { ok: true, host: lower } : refuseDomain(fault)
}
