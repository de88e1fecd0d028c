import fc from "fast-check"
import { parse } from "tldts"
import { describe, expect, it } from "vitest"
import {
  canonicalDomain,
  canonicalDomainList,
  matchAllowedDomains,
  releaseRefusals,
  widens,
} from "../../src/domains.ts"
import { hostileTargets } from "./hostile-targets.ts"

const { STRONGROOM_SLOW } = process.env
const runs = { numRuns: STRONGROOM_SLOW === "1" ? 100_000 : 2_000 }

/** Few labels and bases, so that names meet: as one another's children, parents, neighbours and lookalikes. */
const label = fc.constantFrom("a", "b", "api", "evil", "s3", "www", "city", "x-1", "_v", "xn--bcher-kva", "0", "0x1")
const base = fc.constantFrom(
  "example.com",
  "evilexample.com",
  "ample.com",
  "example.co.uk",
  "co.uk",
  "com",
  "amazonaws.com",
  "s3.amazonaws.com",
  "github.io",
  "alice.github.io",
  "kawasaki.jp",
  "corp.internal",
  "internal",
  "xn--bcher-kva.example",
)
const host = fc.tuple(fc.array(label, { maxLength: 3 }), base).map(([labels, end]) => [...labels, end].join("."))
const pattern = fc.tuple(fc.constantFrom("", "*.", "*."), host).map((parts) => parts.join(""))
const patterns = fc.array(pattern, { maxLength: 4 })
/** A list and a host that is likely to be at, below or beside one of its patterns. */
const meeting = fc
  .tuple(patterns, host, fc.nat(), fc.array(label, { maxLength: 2 }), fc.boolean())
  .map(([list, elsewhere, at, labels, near]) => {
    const own = list[at % Math.max(1, list.length)]?.replace(/^\*\./, "")
    return { list, name: near && own !== undefined ? [...labels, own].join(".") : elsewhere }
  })
const options = fc.record({
  sharedSuffixes: fc.subarray(["github.io", "s3.amazonaws.com", "com"]),
  wildcard: fc.constantFrom("any-depth" as const, "one-label" as const),
})
const spelling = fc.tuple(
  fc.constantFrom("", "https://", "wss://", "HTTPS://"),
  fc.constantFrom("", "."),
  fc.constantFrom("", ":8443"),
)
const spelled = (name: string, [scheme, dot, port]: readonly [string, string, string]) => scheme + name + dot + port

const registrable = (name: string) => parse(name, { allowPrivateDomains: true }).domain

/** The page's rule over lists of labels, written a second time. */
const covers = (
  domain: string,
  name: string,
  { sharedSuffixes, wildcard }: { sharedSuffixes: readonly string[]; wildcard: string },
): boolean => {
  const given = domain.split(".")
  const labels = name.split(".")
  if (given[0] !== "*") return given.length > 1 && given.join() === labels.join()
  const tail = given.slice(1)
  const depth = labels.length - tail.length
  if (depth < 1 || labels.slice(depth).join() !== tail.join()) return false
  if (wildcard === "one-label" && depth > 1) return false
  const end = tail.join(".")
  if (registrable(end) !== null) return registrable(end) === registrable(name)
  const shared = parse(end, { allowPrivateDomains: true }).isPrivate === true && sharedSuffixes.includes(end)
  return shared && registrable(name) === labels.slice(depth - 1).join(".")
}

describe("matching", () => {
  it("agrees with a naive reference", () => {
    const seen = { true: 0, false: 0 }
    fc.assert(
      fc.property(meeting, spelling, options, ({ list, name }, parts, how) => {
        const expected = name.includes(".") && (list.length === 0 || list.some((domain) => covers(domain, name, how)))
        expect(matchAllowedDomains(list, spelled(name, parts), how).allowed).toBe(expected)
        if (list.length > 0) seen[`${expected}`]++
      }),
      runs,
    )
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(100)
  })

  it("never leaves the registrable domain of a pattern, but for suffixes that configuration names", () => {
    let met = 0
    fc.assert(
      fc.property(meeting, options, ({ list, name }, how) => {
        for (const domain of list) {
          const own = domain.replace(/^\*\./, "")
          if (!matchAllowedDomains([domain], name, how).allowed || how.sharedSuffixes.includes(own)) continue
          expect(registrable(name)).toBe(registrable(own))
          met++
        }
      }),
      runs,
    )
    expect(met).toBeGreaterThan(100)
  })

  it("gives one answer for a pattern and for its canonical form, and none to what has none", () => {
    fc.assert(
      fc.property(meeting, options, ({ list, name }, how) => {
        for (const domain of list) {
          const canonical = canonicalDomain(domain.toUpperCase(), how)
          const { allowed } = matchAllowedDomains([domain], name, how)
          if (!canonical.ok) expect(allowed).toBe(false)
          else expect(matchAllowedDomains([canonical.domain], name, how).allowed).toBe(allowed)
        }
      }),
      runs,
    )
  })

  it("does not depend on case or on one trailing dot, of the pattern or of the target", () => {
    fc.assert(
      fc.property(meeting, spelling, options, ({ list, name }, [scheme, , port], how) => {
        const answer = matchAllowedDomains(list, spelled(name, [scheme, "", port]), how)
        expect(matchAllowedDomains(list, spelled(name, [scheme, ".", port]), how)).toEqual(answer)
        expect(matchAllowedDomains(list, spelled(name.toUpperCase(), [scheme, "", port]), how)).toEqual(answer)
        const others = [list.map((domain) => domain.toUpperCase()), list.map((domain) => `${domain}.`)]
        for (const other of others) expect(matchAllowedDomains(other, name, how)).toEqual(answer)
      }),
      runs,
    )
  })

  it("hands back the host that a URL parser would connect to, whatever is done to a target", () => {
    const character = fc.oneof(
      fc.constantFrom(..."@:/?#%\\[].*\t\n\r\0 。．｡\u00AD\u200D\u212Aßẞ①ａ"),
      fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
    )
    const edit = fc.tuple(fc.nat(), character, fc.nat(1))
    const start = fc.oneof(
      fc.tuple(host, spelling).map(([name, parts]) => spelled(name, parts)),
      host.map((name) => `https://${name}/some/path?and=a&query#fragment`),
      fc.constantFrom(...hostileTargets.map(([target]) => target).filter((target) => target.length < 1_000)),
    )
    let met = 0
    fc.assert(
      fc.property(start, fc.array(edit, { minLength: 1, maxLength: 2 }), (target, edits) => {
        let spoiled = target
        for (const [at, text, cut] of edits) {
          const position = at % (spoiled.length + 1)
          spoiled = spoiled.slice(0, position) + text + spoiled.slice(position + cut)
        }
        const answer = matchAllowedDomains([], spoiled)
        if (!answer.allowed) return
        const url = new URL(spoiled.includes("://") ? spoiled : `https://${spoiled}/`)
        expect(url.hostname.replace(/\.$/, "")).toBe(answer.host)
        expect(["https:", "wss:"]).toContain(url.protocol)
        expect(url.username + url.password).toBe("")
        expect(canonicalDomain(answer.host)).toEqual({ ok: true, domain: answer.host })
        met++
      }),
      runs,
    )
    expect(met).toBeGreaterThan(100)
  })
})

describe("no input", () => {
  const anything = fc.oneof(
    { weight: 8, arbitrary: fc.anything({ withSparseArray: true, withNullPrototype: true, withBigInt: true }) },
    { weight: 2, arbitrary: fc.string({ unit: "binary" }) },
    { weight: 2, arbitrary: fc.constantFrom(...hostileTargets).map(([target]) => target.slice(0, 300)) },
    { weight: 2, arbitrary: patterns },
  )

  it("whatever throws, in any place; every answer is one of the two shapes", () => {
    fc.assert(
      fc.property(anything, anything, fc.oneof(fc.constant(undefined), anything, options), (list, target, how) => {
        // @ts-expect-error callers without types hand over anything
        const answer = matchAllowedDomains(list, target, how)
        if (answer.allowed) expect(answer).toEqual({ allowed: true, host: expect.any(String) })
        else {
          expect(Object.keys(answer)).toEqual(["allowed", "reason"])
          expect(Object.keys(releaseRefusals)).toContain(answer.reason)
        }
      }),
      runs,
    )
  })

  it("that throws when it is looked at is handed on", () => {
    const { proxy, revoke } = Proxy.revocable<string[]>([], {})
    revoke()
    const thrower = {
      get sharedSuffixes(): never {
        throw new Error("a getter")
      },
    }
    expect(matchAllowedDomains(proxy, "a.example")).toEqual({ allowed: false, reason: "ambiguous_url" })
    expect(matchAllowedDomains(["*.github.io"], "a.github.io", thrower)).toMatchObject({ allowed: false })
    expect(canonicalDomain("*.github.io", thrower)).toMatchObject({ ok: false })
    expect(canonicalDomainList(proxy)).toMatchObject({ ok: false, reason: "not_a_list" })
  })

  it("whatever makes canonicalDomain throw", () => {
    fc.assert(
      fc.property(fc.oneof(pattern, anything), anything, (domain, how) => {
        // @ts-expect-error callers without types hand over anything
        expect(typeof canonicalDomain(domain, how).ok).toBe("boolean")
      }),
      runs,
    )
  })
})

describe("widens", () => {
  const canonicalList = (list: readonly string[], how: { readonly sharedSuffixes: readonly string[] }) =>
    list.flatMap((domain) => {
      const result = canonicalDomain(domain, how)
      return result.ok ? [result.domain] : []
    })

  it("is false only where every host of the later list was allowed before, and true only where some was not", () => {
    const seen = { true: 0, false: 0 }
    fc.assert(
      fc.property(patterns, patterns, host, options, (first, second, name, how) => {
        const before = canonicalList(first, how)
        const after = canonicalList(second, how)
        const added = (candidate: string) =>
          matchAllowedDomains(after, candidate, how).allowed && !matchAllowedDomains(before, candidate, how).allowed
        // A host that only this wildcard can cover: no list here has the label.
        const witnesses = [...after.map((domain) => domain.replace("*", "fresh")), "fresh.example"]
        const widened = widens(before, after, how)
        expect(witnesses.some(added)).toBe(widened)
        if (added(name)) expect(widened).toBe(true)
        seen[`${widened}`]++
      }),
      runs,
    )
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(100)
  })

  it("is false for the same list, its parts and its orders, and true for losing the last pattern", () => {
    fc.assert(
      fc.property(patterns, options, fc.nat(), (list, how, seed) => {
        const domains = canonicalList(list, how)
        fc.pre(domains.length > 0)
        expect(widens(domains, domains.toReversed(), how)).toBe(false)
        expect(widens(domains, [domains[seed % domains.length] ?? ""], how)).toBe(false)
        expect(widens(domains, [], how)).toBe(true)
      }),
      runs,
    )
  })
})
