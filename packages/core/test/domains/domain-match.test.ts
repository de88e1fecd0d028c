import { describe, expect, it, test } from "vitest"
import { matchAllowedDomains, releaseRefusals, widens } from "../../src/domains.ts"
import cases from "./allowed-domains.match.json" with { type: "json" }
import { hostileTargets } from "./hostile-targets.ts"

const refused = (reason: keyof typeof releaseRefusals) => ({ allowed: false, reason })
const allowed = (host: string) => ({ allowed: true, host })

describe("the published cases", () => {
  test.each(cases)("$pattern, $target: $allowed ($why)", ({ pattern, target, allowed }) => {
    expect(matchAllowedDomains([pattern], target).allowed).toBe(allowed)
  })
})

describe("hostile targets", () => {
  test("are more than a hundred", () => {
    expect(hostileTargets.length).toBeGreaterThan(150)
    expect(new Set(hostileTargets.map(([target]) => target)).size).toBe(hostileTargets.length)
  })

  test.each(hostileTargets.map(([target, answer]) => ({ target, answer, shown: JSON.stringify(target).slice(0, 70) })))(
    "$shown",
    ({ target, answer }) => {
      const expected = typeof answer === "string" ? allowed(answer) : refused(answer.refused)
      expect(matchAllowedDomains([], target)).toEqual(expected)
      // A list adds refusals and takes none away.
      if (typeof answer === "string") {
        expect(matchAllowedDomains([answer], target)).toEqual(expected)
        expect(matchAllowedDomains(["elsewhere.example"], target)).toEqual(refused("host_not_allowed"))
      } else {
        expect(matchAllowedDomains(["api.example.com", "*.example.com", "evil.com"], target)).toEqual(expected)
      }
    },
  )

  test("that are let through name the host that a URL parser would connect to", () => {
    let compared = 0
    for (const [target, host] of hostileTargets) {
      if (typeof host !== "string") continue
      const url = new URL(target.includes("://") ? target : `https://${target}/`)
      expect(url.hostname.replace(/\.$/, "")).toBe(host)
      compared++
    }
    expect(compared).toBeGreaterThan(30)
  })
})

describe("cleartext", () => {
  test("passes when the caller allows it, and nothing else does then", () => {
    const options = { allowCleartext: true }
    expect(matchAllowedDomains(["a.example"], "http://a.example/", options)).toEqual(allowed("a.example"))
    expect(matchAllowedDomains(["a.example"], "ws://a.example:80", options)).toEqual(allowed("a.example"))
    expect(matchAllowedDomains(["a.example"], "https://a.example/", options)).toEqual(allowed("a.example"))
    expect(matchAllowedDomains(["a.example"], "ftp://a.example/", options)).toEqual(refused("insecure_scheme"))
    expect(matchAllowedDomains(["a.example"], "http://u@a.example/", options)).toEqual(refused("ambiguous_url"))
    expect(matchAllowedDomains([], "http://[::1]/", options)).toEqual(refused("ip_literal"))
  })

  test("is not allowed by anything but true", () => {
    // @ts-expect-error callers without types hand over anything
    expect(matchAllowedDomains([], "http://a.example/", { allowCleartext: "no" })).toEqual(refused("insecure_scheme"))
  })
})

describe("a wildcard", () => {
  test.each([
    ["*.amazonaws.com", "s3.amazonaws.com"],
    ["*.amazonaws.com", "evil.s3.amazonaws.com"],
    ["*.amazonaws.com", "x.evil.s3.amazonaws.com"],
    ["*.example.com", "example.com.evil.org", "host_not_allowed"],
    ["*.kawasaki.jp", "shop.kawasaki.jp"],
    ["*.kawasaki.jp", "a.shop.kawasaki.jp"],
    ["*.kawasaki.jp", "city.kawasaki.jp"],
    // Refused on write; here they cover nothing.
    ["*.github.io", "alice.github.io"],
    ["*.s3.amazonaws.com", "evil.s3.amazonaws.com"],
    ["*.co.uk", "example.co.uk"],
    ["*.com", "example.com"],
    ["*.internal", "db.internal"],
  ] as const)("%s does not cover %s", (pattern, target, reason: keyof typeof releaseRefusals = "suffix_boundary") => {
    expect(matchAllowedDomains([pattern], target)).toEqual(refused(reason))
  })

  test.each([
    ["*.alice.github.io", "blog.alice.github.io"],
    ["*.alice.github.io", "x.blog.alice.github.io"],
    ["*.foo.amazonaws.com", "bar.foo.amazonaws.com"],
    ["*.my-bucket.s3.amazonaws.com", "a.my-bucket.s3.amazonaws.com"],
    ["*.bücher.example", "shop.xn--bcher-kva.example"],
    ["*.xn--bcher-kva.example", "https://shop.bücher.example/"],
    ["*.example.com.", "_dmarc.example.com"],
  ])("%s covers %s", (pattern, target) => {
    expect(matchAllowedDomains([pattern], target)).toMatchObject({ allowed: true })
  })

  test("of one label covers one label", () => {
    const options = { wildcard: "one-label" } as const
    const match = (pattern: string, target: string) => matchAllowedDomains([pattern], target, options)
    expect(match("*.example.com", "api.example.com")).toEqual(allowed("api.example.com"))
    expect(match("*.example.com", "a.api.example.com")).toEqual(refused("host_not_allowed"))
    expect(match("*.example.com", "example.com")).toEqual(refused("host_not_allowed"))
    expect(match("*.amazonaws.com", "s3.amazonaws.com")).toEqual(refused("suffix_boundary"))
    expect(match("a.b.example.com", "a.b.example.com")).toEqual(allowed("a.b.example.com"))
  })
})

describe("a shared suffix that configuration allows", () => {
  const options = { sharedSuffixes: ["github.io", "amazonaws.com", "com"] }
  const match = (pattern: string, target: string) => matchAllowedDomains([pattern], target, options)

  test("is covered by a wildcard at that very suffix", () => {
    expect(match("*.github.io", "alice.github.io")).toEqual(allowed("alice.github.io"))
    expect(match("*.github.io", "blog.alice.github.io")).toEqual(allowed("blog.alice.github.io"))
    expect(match("*.github.io", "github.io")).toEqual(refused("host_not_allowed"))
    const oneLabel = { ...options, wildcard: "one-label" } as const
    expect(matchAllowedDomains(["*.github.io"], "a.b.github.io", oneLabel)).toEqual(refused("host_not_allowed"))
  })

  test("opens no other: not one above, not one below, not a public one", () => {
    expect(match("*.s3.amazonaws.com", "evil.s3.amazonaws.com")).toEqual(refused("suffix_boundary"))
    expect(match("*.amazonaws.com", "evil.s3.amazonaws.com")).toEqual(refused("suffix_boundary"))
    expect(match("*.com", "example.com")).toEqual(refused("suffix_boundary"))
    // us-east-1.amazonaws.com is a suffix of its own below one that is named.
    const below = matchAllowedDomains(["*.s3.amazonaws.com"], "x.s3.amazonaws.com", {
      sharedSuffixes: ["s3.amazonaws.com"],
    })
    expect(below).toEqual(allowed("x.s3.amazonaws.com"))
  })

  test("reaches no further than another suffix below it", () => {
    // *.r.appspot.com is on the list too: whoever has uc.r.appspot.com's children has them apart from the rest.
    const below = { sharedSuffixes: ["appspot.com"] }
    const matched = (target: string) => matchAllowedDomains(["*.appspot.com"], target, below)
    expect(matched("x.appspot.com")).toEqual(allowed("x.appspot.com"))
    expect(matched("y.x.appspot.com")).toEqual(allowed("y.x.appspot.com"))
    expect(matched("x.uc.r.appspot.com")).toEqual(refused("suffix_boundary"))
    expect(matched("y.x.uc.r.appspot.com")).toEqual(refused("suffix_boundary"))
    expect(widens(["*.appspot.com"], ["x.uc.r.appspot.com"], below)).toBe(true)
  })
})

describe("a list", () => {
  test("allows what one of its patterns covers", () => {
    const list = ["*.example.org", "api.example.com"]
    expect(matchAllowedDomains(list, "api.example.com")).toEqual(allowed("api.example.com"))
    expect(matchAllowedDomains(list, "x.example.org")).toEqual(allowed("x.example.org"))
    expect(matchAllowedDomains(list, "example.org")).toEqual(refused("host_not_allowed"))
    const mixed = ["*.amazonaws.com", "evil.s3.amazonaws.com"]
    expect(matchAllowedDomains(mixed, "evil.s3.amazonaws.com")).toEqual(allowed("evil.s3.amazonaws.com"))
    expect(matchAllowedDomains([...list, ...mixed], "other.s3.amazonaws.com")).toEqual(refused("suffix_boundary"))
  })

  test.each([
    ["a pattern that is none", ["*example.com"]],
    ["an empty pattern", [""]],
    ["a URL", ["https://api.example.com"]],
    ["no string", [undefined]],
    ["a hole", Array(1)],
    ["a string object", [new String("api.example.com")]],
    ["too many patterns", Array(101).fill("api.example.com")],
    ["no list", "api.example.com"],
    ["no list at all", undefined],
    ["null", null],
    ["an object", {}],
    ["an array-like", { length: 0 }],
    ["a set", new Set(["api.example.com"])],
  ])("with or being %s allows nothing", (_, patterns) => {
    // @ts-expect-error callers without types hand over anything
    expect(matchAllowedDomains(patterns, "api.example.com")).toEqual(refused("host_not_allowed"))
  })

  test("allows what its other patterns cover beside one that is none", () => {
    expect(matchAllowedDomains(["*", "api.example.com"], "api.example.com")).toEqual(allowed("api.example.com"))
  })
})

test.each([undefined, null, 7, {}, ["api.example.com"], new URL("https://api.example.com/"), new String("a.example")])(
  "%s is no target",
  (target) => {
    // @ts-expect-error callers without types hand over anything
    expect(matchAllowedDomains([], target)).toEqual(refused("ambiguous_url"))
  },
)

test("each reason is met in these tests", () => {
  const met = hostileTargets.flatMap(([, answer]) => (typeof answer === "string" ? [] : [answer.refused]))
  expect(new Set([...met, "suffix_boundary"])).toEqual(new Set(Object.keys(releaseRefusals)))
})

describe("widens", () => {
  it.each([
    [["a.example.com"], ["a.example.com"], false],
    [["a.example.com"], [], true],
    [[], ["a.example.com"], false],
    [[], [], false],
    [["a.example.com"], ["b.example.com"], true],
    [["a.example.com", "b.example.com"], ["b.example.com"], false],
    [["*.example.com"], ["a.example.com"], false],
    [["*.example.com"], ["a.b.example.com", "*.b.example.com"], false],
    [["*.example.com"], ["example.com"], true],
    [["a.example.com"], ["*.example.com"], true],
    [["*.b.example.com"], ["*.example.com"], true],
    [["*.amazonaws.com"], ["*.foo.amazonaws.com"], false],
    [["*.amazonaws.com"], ["s3.amazonaws.com"], true],
    [["*.amazonaws.com"], ["*.bucket.s3.amazonaws.com"], true],
    [["*.example.com"], ["*.notexample.com"], true],
  ])("%j to %j: %s", (before, after, expected) => {
    expect(widens(before, after)).toBe(expected)
  })

  it("knows of wildcards of one label and of allowed suffixes", () => {
    expect(widens(["*.example.com"], ["*.b.example.com"], { wildcard: "one-label" })).toBe(true)
    expect(widens(["*.example.com"], ["a.b.example.com"], { wildcard: "one-label" })).toBe(true)
    expect(widens(["*.github.io"], ["alice.github.io", "*.alice.github.io"], { sharedSuffixes: ["github.io"] })).toBe(
      false,
    )
    expect(widens(["*.github.io"], ["alice.github.io"])).toBe(true)
  })
})
