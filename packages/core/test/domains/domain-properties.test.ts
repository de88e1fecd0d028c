import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { canonicalDomain, canonicalDomainList, domainRefusals } from "../../src/domains.ts"

const { STRONGROOM_SLOW } = process.env
const runs = { numRuns: STRONGROOM_SLOW === "1" ? 100_000 : 2_000 }

/** The page's grammar, written a second time. */
const matchesGrammar = (domain: string): boolean => {
  const host = domain.replace(/^\*\./, "")
  const labels = host.split(".")
  return (
    labels.length >= 2 &&
    host.length <= 253 &&
    labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label)) &&
    !/^(\d+|0x.*)$/.test(labels.at(-1) ?? "")
  )
}

const of = (alphabet: string) => fc.constantFrom(...alphabet)
const ascii = of("abkxyz0179_-ABKX")
const letters = of("äßéøñöÜÉабвΑΣςαあ漢字한글مثالक")
const tricks = of(
  "*.%/:@[]\\?# \t\n\0\u00AD\u200B\u200D\u0301\u0130\u017F\u1E9E\u212A\u212B\u2126\u3002\uFF0E\uFF21\uFF41\uFE0F①ﬁ\uFFFD💩",
)
const label = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: ascii, minLength: 1, maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: fc.oneof(ascii, letters), minLength: 1, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: letters, minLength: 1, maxLength: 6 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("xn--bcher-kva", "XN--bcher-kva", "xn--a", "xn--abc-", "0x7f", "127", "a".repeat(63)),
  },
)
/** What only begins like an A-label. */
const nearALabel = fc
  .tuple(fc.constantFrom("xn--tda", "xn--bcher-kva", "xn--"), tricks, fc.string({ unit: ascii, maxLength: 3 }))
  .map((parts) => parts.join(""))
const suffix = fc.constantFrom(
  "com",
  "example",
  "co.uk",
  "github.io",
  "s3.amazonaws.com",
  "internal",
  "公司.cn",
  "1",
  "ck",
)
const name = fc
  .tuple(
    fc.constantFrom("", "*."),
    fc.array(fc.oneof({ weight: 6, arbitrary: label }, { weight: 1, arbitrary: nearALabel }), { maxLength: 4 }),
    suffix,
    fc.constantFrom("", "."),
  )
  .map(([star, labels, end, dot]) => star + [...labels, end].join(".") + dot)
/** A name with a few characters put in or replaced. */
const spoiled = fc
  .tuple(
    name,
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.oneof(tricks, letters, fc.string({ minLength: 1, maxLength: 1, unit: "binary" })),
        fc.nat(1),
      ),
    ),
  )
  .map(([text, edits]) => {
    let result = text
    for (const [at, character, cut] of edits.slice(0, 3)) {
      const position = at % (result.length + 1)
      result = result.slice(0, position) + character + result.slice(position + cut)
    }
    return result
  })
const pattern = fc.oneof(name, spoiled)

const flipCase = (text: string, mask: readonly boolean[]) =>
  text.replace(/[a-z]/gi, (letter, at: number) => {
    const lower = letter.toLowerCase()
    return mask[at % mask.length] ? lower.toUpperCase() : lower
  })

describe("every pattern", () => {
  it("is accepted often enough for these properties to say something", () => {
    const results = fc.sample(pattern, { numRuns: 1_000, seed: 1 }).map((text) => canonicalDomain(text))
    const of = (prefix: string) => results.filter((result) => result.ok && result.domain.includes(prefix)).length
    expect(of("")).toBeGreaterThan(150)
    expect(of("*.")).toBeGreaterThan(50)
    expect(of("xn--")).toBeGreaterThan(50)
    expect(results.filter((result) => !result.ok).length).toBeGreaterThan(200)
  })

  it("in canonical form matches the grammar and is its own canonical form", () => {
    fc.assert(
      fc.property(pattern, (text) => {
        const result = canonicalDomain(text)
        fc.pre(result.ok)
        expect(matchesGrammar(result.domain)).toBe(true)
        expect(canonicalDomain(result.domain)).toEqual(result)
      }),
      runs,
    )
  })

  it("has one outcome, however its ASCII letters are written", () => {
    fc.assert(
      fc.property(pattern, fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (text, mask) => {
        expect(canonicalDomain(flipCase(text, mask))).toEqual(canonicalDomain(text))
      }),
      runs,
    )
  })

  it("has one outcome with one trailing dot and without", () => {
    fc.assert(
      fc.property(pattern, (text) => {
        // "*" is a whole pattern with a fault of its own, and "*." begins a wildcard.
        fc.pre(!text.endsWith(".") && text !== "*")
        expect(canonicalDomain(`${text}.`)).toEqual(canonicalDomain(text))
      }),
      runs,
    )
  })

  it("keeps its ASCII labels, and makes an A-label of every other one: nothing is folded into ASCII, dropped or split", () => {
    fc.assert(
      fc.property(pattern, (text) => {
        const result = canonicalDomain(text)
        fc.pre(result.ok)
        const labels = text.replace(/\.$/, "").split(".")
        const canonical = result.domain.split(".")
        expect(canonical).toHaveLength(labels.length)
        for (const [i, given] of labels.entries()) {
          if (/^\p{ASCII}*$/u.test(given)) expect(canonical[i]).toBe(given.toLowerCase())
          else expect(canonical[i]).toMatch(/^xn--[a-z0-9-]+$/)
        }
      }),
      runs,
    )
  })

  it("names the host that a URL parser would connect to", () => {
    fc.assert(
      fc.property(pattern, (text) => {
        const result = canonicalDomain(text)
        fc.pre(result.ok && !result.domain.startsWith("*."))
        expect(new URL(`https://${result.domain}/`).hostname).toBe(result.domain)
      }),
      runs,
    )
  })
})

describe("no input", () => {
  const anything = fc.oneof(
    fc.anything({ withSparseArray: true, withNullPrototype: true }),
    fc.string({ unit: "binary" }),
    pattern,
  )

  it("whatever throws; every answer is one of the two shapes", () => {
    fc.assert(
      fc.property(anything, (input) => {
        // @ts-expect-error callers without types hand over anything
        const result = canonicalDomain(input)
        if (result.ok) expect(Object.keys(result)).toEqual(["ok", "domain"])
        else expect(result).toEqual({ ok: false, reason: result.reason, message: domainRefusals[result.reason] })
      }),
      runs,
    )
  })

  it("whatever throws as a list", () => {
    fc.assert(
      fc.property(fc.oneof(anything, fc.array(anything)), (input) => {
        // @ts-expect-error callers without types hand over anything
        const result = canonicalDomainList(input)
        if (!result.ok) expect(Object.keys(domainRefusals)).toContain(result.reason)
      }),
      runs,
    )
  })
})

describe("every list", () => {
  it("is canonicalised pattern by pattern, without repetition and in order, or refused at its first refused pattern", () => {
    const good = fc.constantFrom("a.example", "A.example.", "*.b.example", "bücher.example", "xn--bcher-kva.example")
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: pattern }), { maxLength: 30 }),
        (list) => {
          const each = list.map((text) => canonicalDomain(text))
          const first = each.findIndex((result) => !result.ok)
          if (first === -1) {
            const domains = [...new Set(each.map((result) => (result.ok ? result.domain : "")))]
            expect(canonicalDomainList(list)).toEqual({ ok: true, domains })
          } else {
            expect(canonicalDomainList(list)).toEqual({ ...each[first], index: first })
          }
        },
      ),
      runs,
    )
  })
})
