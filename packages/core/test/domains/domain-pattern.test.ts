import { describe, expect, it } from "vitest"
import { canonicalHost } from "../../src/domain/domain-host.ts"
import { canonicalDomain, canonicalDomainList, type DomainRefusalReason, domainRefusals } from "../../src/domains.ts"

const accepted: readonly (readonly [pattern: string, domain: string])[] = [
  ["api.example.com", "api.example.com"],
  ["API.Example.com", "api.example.com"],
  ["api.example.com.", "api.example.com"],
  ["example.com", "example.com"],
  ["*.example.com", "*.example.com"],
  ["*.Example.COM.", "*.example.com"],
  ["*.api.example.com", "*.api.example.com"],
  ["*.example.co.uk", "*.example.co.uk"],
  ["*.amazonaws.com", "*.amazonaws.com"],
  ["*.corp.internal", "*.corp.internal"],
  ["*.alice.github.io", "*.alice.github.io"],
  // an exact pattern covers one host, so it may equal a suffix
  ["s3.amazonaws.com", "s3.amazonaws.com"],
  ["github.io", "github.io"],
  ["co.uk", "co.uk"],
  ["alice.github.io", "alice.github.io"],
  // Unicode
  ["bücher.example", "xn--bcher-kva.example"],
  ["BÜCHER.example", "xn--bcher-kva.example"],
  ["*.Bücher.Example", "*.xn--bcher-kva.example"],
  ["XN--BCHER-KVA.example", "xn--bcher-kva.example"],
  ["bücher.xn--p1ai", "xn--bcher-kva.xn--p1ai"],
  ["straße.de", "xn--strae-oqa.de"],
  ["ΑΣ.gr", "xn--mxa0b.gr"],
  ["\u0430pple.com", "xn--pple-43d.com"],
  ["مثال.example", "xn--mgbh0fb.example"],
  ["_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"],
  // odd, and host names all the same
  ["_acme-challenge.example.com", "_acme-challenge.example.com"],
  ["r3---sn.example.com", "r3---sn.example.com"],
  ["1.example.com", "1.example.com"],
  ["1.2.3.4.example", "1.2.3.4.example"],
  ["0x7f.example", "0x7f.example"],
  [`${"a".repeat(63)}.example`, `${"a".repeat(63)}.example`],
  [`${"a.".repeat(125)}com`, `${"a.".repeat(125)}com`],
  [`*.${"a.".repeat(125)}com.`, `*.${"a.".repeat(125)}com`],
]

const refused: readonly (readonly [pattern: unknown, reason: DomainRefusalReason])[] = [
  [undefined, "not_a_string"],
  [null, "not_a_string"],
  [42, "not_a_string"],
  [["example.com"], "not_a_string"],
  [{ toString: () => "example.com" }, "not_a_string"],
  [new String("example.com"), "not_a_string"],

  [" example.com", "whitespace_or_control"],
  ["example.com ", "whitespace_or_control"],
  ["example.com\n", "whitespace_or_control"],
  ["exa\tmple.com", "whitespace_or_control"],
  ["example.com\r\nx", "whitespace_or_control"],
  ["example\0.com", "whitespace_or_control"],
  ["example.com\u007F", "whitespace_or_control"],
  ["example.com\u0085", "whitespace_or_control"],
  ["example\u00A0.com", "whitespace_or_control"],
  ["example.com\u2028", "whitespace_or_control"],
  ["example.com\u3000", "whitespace_or_control"],
  ["\uFEFFexample.com", "whitespace_or_control"],

  ["https://example.com", "scheme"],
  ["https://user:pw@example.com:8443/a?b#c", "scheme"],
  ["*://example.com", "scheme"],
  ["example.com/", "path"],
  ["//example.com", "path"],
  ["example.com\\", "backslash"],
  ["example.com?x=1", "query"],
  ["evil.com#.example.com", "fragment"],
  ["user@example.com", "userinfo"],
  ["user:pw@example.com", "userinfo"],
  ["example.com:443", "port"],
  ["*.example.com:*", "port"],
  ["::1", "port"],
  ["%65xample.com", "percent"],
  ["example.com%2eevil.com", "percent"],

  ["[::1]", "ip_literal"],
  ["[::1]:443", "ip_literal"],
  ["1.2.3.4", "ip_literal"],
  ["1.2.3.4.", "ip_literal"],
  ["*.2.3.4", "ip_literal"],
  ["0x7f.1", "ip_literal"],
  ["127.0x1", "ip_literal"],
  ["0X7F.0X1", "ip_literal"],
  ["example.0x", "ip_literal"],
  ["0177.0.0.1", "ip_literal"],
  ["2130706433", "ip_literal"],
  ["example.123", "ip_literal"],

  ["*", "wildcard_position"],
  ["**", "wildcard_position"],
  ["*example.com", "wildcard_position"],
  ["*.*.example.com", "wildcard_position"],
  ["*.*", "wildcard_position"],
  ["a*.com", "wildcard_position"],
  ["api.*.example.com", "wildcard_position"],
  ["example.*", "wildcard_position"],

  ["xn--a.com", "invalid_idna"],
  ["xn--a", "invalid_idna"],
  ["*.xn--a.com", "invalid_idna"],
  ["xn--0.xn--bcher-kva.example", "invalid_idna"],
  // they decode to an upper-case U with dots, a full-width a, the Kelvin sign, a long s, an e with a combining accent, a soft hyphen,
  // an ideographic full stop, a capital sharp s
  ["xn--wca.com", "invalid_idna"],
  ["xn--mi7c.com", "invalid_idna"],
  ["xn--62g.com", "invalid_idna"],
  ["xn--kha.com", "invalid_idna"],
  ["xn--e-xbb.com", "invalid_idna"],
  ["xn--a-vca.com", "invalid_idna"],
  ["xn--abc-9y3b.com", "invalid_idna"],
  ["xn--kkg.com", "invalid_idna"],
  // what the URL standard lets through, and IDNA does not
  ["-ü.com", "invalid_idna"],
  ["ü-.com", "invalid_idna"],
  ["aa--ü.com", "invalid_idna"],
  ["a_ü.com", "invalid_idna"],
  ["xn--a_-yka.com", "invalid_idna"],
  ["\uD800.com", "invalid_idna"],
  ["example\uDC00.com", "invalid_idna"],
  ["\uFFFD.com", "invalid_idna"],
  ["a\u200D.com", "invalid_idna"],
  ["\u0300a.com", "invalid_idna"],
  ["aمثال.com", "invalid_idna"],
  ["ü.1.2.3.4", "invalid_idna"],

  // full-width letters, digits and dot; ideographic and half-width full stops
  ["ｅxample.com", "ambiguous_unicode"],
  ["ＥＸＡＭＰＬＥ.com", "ambiguous_unicode"],
  ["１.２.３.４", "ambiguous_unicode"],
  ["example．com", "ambiguous_unicode"],
  ["example\u3002com", "ambiguous_unicode"],
  ["example.com\u3002", "ambiguous_unicode"],
  ["example\uFF61com", "ambiguous_unicode"],
  // soft hyphen, zero-width space and joiner, variation selector: they vanish
  ["exa\u00ADmple.com", "ambiguous_unicode"],
  ["exam\u200Bple.com", "ambiguous_unicode"],
  ["a\uFE0F.com", "ambiguous_unicode"],
  ["*.exa\u00ADmple.com", "ambiguous_unicode"],
  // letters that become others
  ["\u212Aelvin.com", "ambiguous_unicode"],
  ["bü\u212A.com", "ambiguous_unicode"],
  ["\u0130.com", "ambiguous_unicode"],
  ["\u1E9E.de", "ambiguous_unicode"],
  ["\u017Fecret.com", "ambiguous_unicode"],
  ["ﬁle.com", "ambiguous_unicode"],
  ["℡.com", "ambiguous_unicode"],
  ["①.com", "ambiguous_unicode"],
  ["²ü.com", "ambiguous_unicode"],
  ["e\u0301.com", "ambiguous_unicode"],
  ["ＸＮ－－bcher-kva.example", "ambiguous_unicode"],
  ["xn--bcher\u3002kva.com", "ambiguous_unicode"],
  ["xn--bcher-kva\u00AD.com", "ambiguous_unicode"],

  [`${"a.".repeat(126)}aa`, "too_long"],
  [`*.${"a.".repeat(126)}aa`, "too_long"],
  [`${"ü.".repeat(100)}com`, "too_long"],
  ["ü".repeat(100_000), "too_long"],

  ["", "empty_label"],
  [".", "empty_label"],
  ["..", "empty_label"],
  ["*.", "empty_label"],
  ["*..", "empty_label"],
  ["*..com", "empty_label"],
  [".example.com", "empty_label"],
  ["example..com", "empty_label"],
  ["example.com..", "empty_label"],
  ["ü..com", "empty_label"],

  [`${"a".repeat(64)}.com`, "label_too_long"],
  [`${"ü".repeat(60)}.com`, "label_too_long"],
  ["-example.com", "hyphen"],
  ["example-.com", "hyphen"],
  ["example.-", "hyphen"],
  ["xn--.com", "hyphen"],
  ["xn--abc-.com", "hyphen"],
  ["exa,mple.com", "invalid_character"],
  ["example.com;evil.com", "invalid_character"],
  ["(example|evil).com", "invalid_character"],
  ["^example.com$", "invalid_character"],
  ["example.com]", "invalid_character"],
  ["~.example.com", "invalid_character"],

  ["localhost", "single_label"],
  ["com", "single_label"],
  ["com.", "single_label"],
  ["bücher", "single_label"],

  ["*.com", "public_suffix"],
  ["*.com.", "public_suffix"],
  ["*.internal", "public_suffix"],
  ["*.localhost", "public_suffix"],
  ["*.co.uk", "public_suffix"],
  ["*.CO.UK", "public_suffix"],
  ["*.anything.ck", "public_suffix"],
  ["*.公司.cn", "public_suffix"],
  ["*.xn--55qx5d.cn", "public_suffix"],

  ["*.github.io", "shared_suffix"],
  ["*.GitHub.io.", "shared_suffix"],
  ["*.s3.amazonaws.com", "shared_suffix"],
  ["*.googleapis.com", "shared_suffix"],
  ["*.eu-west-1.compute.amazonaws.com", "shared_suffix"],
]

describe("canonicalDomain", () => {
  it.each(accepted)("%j is %s", (pattern, domain) => {
    expect(canonicalDomain(pattern)).toEqual({ ok: true, domain })
  })

  it.each(refused.map(([pattern, reason]) => ({ pattern, reason, shown: JSON.stringify(pattern)?.slice(0, 70) })))(
    "$shown is refused: $reason",
    ({ pattern, reason }) => {
      // @ts-expect-error callers without types hand over anything
      expect(canonicalDomain(pattern)).toEqual({ ok: false, reason, message: domainRefusals[reason] })
    },
  )

  it("names each fault of a pattern somewhere in this table", () => {
    const ofLists = ["not_a_list", "too_many"]
    const all = Object.keys(domainRefusals).filter((reason) => !ofLists.includes(reason))
    expect(new Set(refused.map(([, reason]) => reason))).toEqual(new Set(all))
  })

  it("reports the first fault in the order of the steps", () => {
    const reason = (pattern: string) => {
      const result = canonicalDomain(pattern)
      return result.ok ? undefined : result.reason
    }
    expect(reason(" https://*x.\u212A")).toBe("whitespace_or_control")
    expect(reason("https://*x.\u212A")).toBe("scheme")
    expect(reason("*x.\u212A..")).toBe("wildcard_position")
    expect(reason("\u212A..")).toBe("ambiguous_unicode")
    expect(reason("*.github.io..")).toBe("empty_label")
  })
})

it("never gives a Unicode parser more than a host can hold, since its time is quadratic", () => {
  const unreachable = () => expect.unreachable()
  const parser = { toAscii: unreachable, toUnicode: unreachable, suffixOf: unreachable }
  expect(canonicalHost("ü".repeat(507), parser)).toMatchObject({ reason: "too_long" })
})

describe("shared suffixes that configuration allows", () => {
  const options = { sharedSuffixes: ["github.io", "co.uk", "com", "ck"] }

  it("are those named, and no others", () => {
    expect(canonicalDomain("*.GitHub.io", options)).toEqual({ ok: true, domain: "*.github.io" })
    expect(canonicalDomain("*.googleapis.com", options)).toMatchObject({ reason: "shared_suffix" })
    expect(canonicalDomain("*.github.io", { sharedSuffixes: ["io", "*.github.io", "alice.github.io"] })).toMatchObject({
      reason: "shared_suffix",
    })
  })

  it("are never public ones", () => {
    for (const pattern of ["*.co.uk", "*.com", "*.ck"]) {
      expect(canonicalDomain(pattern, options), pattern).toMatchObject({ reason: "public_suffix" })
    }
  })

  it("hold for lists too", () => {
    expect(canonicalDomainList(["*.github.io"], options)).toEqual({ ok: true, domains: ["*.github.io"] })
  })
})

describe("canonicalDomainList", () => {
  const hosts = (count: number) => Array.from({ length: count }, (_, i) => `h${i}.example.com`)

  it("keeps the order and collapses what is equal in canonical form", () => {
    const patterns = ["B.example.com", "*.example.com", "b.example.com.", "bücher.example", "a.example.com"]
    expect(canonicalDomainList([...patterns, "XN--bcher-KVA.example"])).toEqual({
      ok: true,
      domains: ["b.example.com", "*.example.com", "xn--bcher-kva.example", "a.example.com"],
    })
  })

  it("takes 0 to 100 patterns", () => {
    expect(canonicalDomainList([])).toEqual({ ok: true, domains: [] })
    expect(canonicalDomainList(hosts(100))).toEqual({ ok: true, domains: hosts(100) })
    expect(canonicalDomainList(hosts(101))).toEqual({
      ok: false,
      reason: "too_many",
      message: domainRefusals.too_many,
      index: undefined,
    })
  })

  it("counts patterns before it collapses them", () => {
    expect(canonicalDomainList(Array(100).fill("example.com"))).toEqual({ ok: true, domains: ["example.com"] })
    expect(canonicalDomainList(Array(101).fill("example.com"))).toMatchObject({ reason: "too_many" })
  })

  it("says which pattern it refuses", () => {
    expect(canonicalDomainList(["a.example.com", "b.example.com", "*.com", "c*.com"])).toEqual({
      ok: false,
      reason: "public_suffix",
      message: domainRefusals.public_suffix,
      index: 2,
    })
    // @ts-expect-error callers without types hand over anything
    expect(canonicalDomainList(["a.example.com", 7])).toMatchObject({ reason: "not_a_string", index: 1 })
    expect(canonicalDomainList(Array(1))).toMatchObject({ reason: "not_a_string", index: 0 })
  })

  it.each([undefined, null, "example.com", 3, { length: 0 }, new Set(["example.com"])])(
    "refuses %s as a list",
    (list) => {
      // @ts-expect-error callers without types hand over anything
      expect(canonicalDomainList(list)).toMatchObject({ ok: false, reason: "not_a_list", index: undefined })
    },
  )
})
