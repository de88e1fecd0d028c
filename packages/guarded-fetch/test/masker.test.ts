import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Pattern } from "../src/automaton.ts"
import { masking } from "../src/masker.ts"
import { needlesOf } from "../src/needles.ts"

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const pattern = (needle: string, replacement: string): Pattern => ({
  needle: bytes(needle),
  replacement: bytes(replacement),
})

const mask = (patterns: readonly Pattern[], chunks: readonly Uint8Array[]): string => {
  const masker = masking(patterns)()
  return Buffer.concat([...chunks.map((chunk) => masker.push(chunk)), masker.end()]).toString("latin1")
}

/** What masking means, with nothing clever: bytes inside any occurrence are covered, each covered run is one replacement. */
const naive = (patterns: readonly Pattern[], input: Uint8Array): string => {
  const text = Buffer.from(input).toString("latin1")
  const found = patterns
    .flatMap(({ needle, replacement }) => {
      const sought = Buffer.from(needle).toString("latin1")
      const starts = [...text].flatMap((_, at) => (text.startsWith(sought, at) ? [at] : []))
      return starts.map((from) => ({ from, to: from + sought.length, replacement }))
    })
    .sort((a, b) => a.from - b.from || b.to - a.to)
  let output = ""
  let at = 0
  for (const { from, to, replacement } of found) {
    if (from >= at) output += text.slice(at, from) + Buffer.from(replacement).toString("latin1")
    at = Math.max(at, to)
  }
  return output + text.slice(at)
}

const split = (input: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const at = [0, ...cuts.map((cut) => cut % (input.length + 1)), input.length].sort((a, b) => a - b)
  return at.slice(1).map((end, index) => input.subarray(at[index], end))
}

// Two letters, so that needles overlap each other and themselves.
const letters = (minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom("a", "b"), { minLength, maxLength }).map((all) => all.join(""))

describe("the masker", () => {
  test("agrees with a naive one, however the body is cut", () => {
    fc.assert(
      fc.property(
        fc.array(letters(1, 6), { minLength: 1, maxLength: 5 }),
        letters(0, 60),
        fc.array(fc.nat(), { maxLength: 8 }),
        (needles, body, cuts) => {
          const patterns = [...new Set(needles)].map((needle, index) => pattern(needle, `<${index}>`))
          expect(mask(patterns, split(bytes(body), cuts))).toBe(naive(patterns, bytes(body)))
        },
      ),
      { numRuns: 2000 },
    )
  })

  test("holds back no more than the beginning of a needle", () => {
    const masker = masking([pattern("secret", "*"), pattern("creed", "+")])()
    const said = [..."xsecretsecred!"].map((letter) => Buffer.from(masker.push(bytes(letter))).toString())
    expect(said).toEqual(["x", "", "", "", "", "", "*", "", "", "", "", "", "secred", "!"])
  })

  test("covers a needle that is the beginning of another", () => {
    const patterns = [pattern("foo", "<short>"), pattern("foo bar", "<long>")]
    expect(mask(patterns, [bytes("foo bar foo ba")])).toBe("<long> <short> ba")
  })

  test("a body of nothing but beginnings takes time in proportion to its length", () => {
    const value = `${"a".repeat(4000)}b`
    const patterns = needlesOf(value).map((needle) => ({ needle, replacement: bytes("*") }))
    const body = bytes("a".repeat(200_000))
    const masker = masking(patterns)()
    // Quadratic search would take 800 million steps here; the run's own time limit is the check.
    let length = 0
    for (let at = 0; at < body.length; at += 100) length += masker.push(body.subarray(at, at + 100)).length
    expect(length + masker.end().length).toBe(body.length)
  })
})

const unicode = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`
const hex = (byte: number) => byte.toString(16).padStart(2, "0")
const base64 = (value: string) => Buffer.from(value).toString("base64")

/** Encodings as others write them, not by the code under test. */
const encodings: Record<string, (value: string) => string> = {
  raw: (value) => value,
  json: (value) => JSON.stringify({ value }),
  "json in json": (value) => JSON.stringify({ body: JSON.stringify({ value }) }),
  "ASCII json": (value) =>
    JSON.stringify(value).replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "PHP's json": (value) => JSON.stringify(value).replaceAll("/", "\\/"),
  component: (value) => `?q=${encodeURIComponent(value)}&x`,
  "lower-case component": (value) => encodeURIComponent(value).replace(/%../g, (hex) => hex.toLowerCase()),
  form: (value) => new URLSearchParams({ q: value, r: value }).toString(),
  "a form with %20": (value) => new URLSearchParams({ q: value }).toString().replaceAll("+", "%20"),
  "a URL's query": (value) => new URL(`https://x.example/?q=${encodeURIComponent(value)}`).href,
  html: (value) =>
    value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
  hex: (value) => Buffer.from(value).toString("hex"),
  "JSON, as Gson writes it": (value) => JSON.stringify(value).replace(/[<>&='\u2028]/g, unicode),
  "JSON with every character escaped": (value) => value.replace(/./gs, unicode),
  "JSON with a slash as code": (value) => JSON.stringify(value).replaceAll("/", "\\u002F"),
  "what Python's quote writes": (value) => encodeURIComponent(value).replaceAll("%2F", "/"),
  "percent-encoding, all of it": (value) => [...Buffer.from(value)].map((byte) => `%${hex(byte)}`).join(""),
  "what Mustache writes": (value) => value.replace(/[&<>"'`=/]/g, (c) => `&#x${hex(c.charCodeAt(0)).toUpperCase()};`),
  xml: (value) =>
    value.replace(/[&<>"']/g, (c) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot" }[c] ?? "apos"};`),
  "HTML with references to what is not ASCII": (value) =>
    value.replace(/[\u0080-\u{10ffff}]/gu, (c) => `&#${c.codePointAt(0)};`),
  "JSON, as .NET writes it": (value) =>
    JSON.stringify(value)
      .slice(1, -1)
      .replaceAll('\\"', "\\u0022")
      .replace(/[&'+<>`\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`),
  "base64, in JSON as PHP writes it": (value) => base64(value).replaceAll("/", "\\/"),
  "base64, in JSON as .NET writes it": (value) => base64(value).replaceAll("+", "\\u002B"),
  "base64, percent-encoded": (value) => encodeURIComponent(base64(value)),
  "base64, percent-encoded in lower case": (value) =>
    encodeURIComponent(base64(value)).replace(/%../g, (triplet) => triplet.toLowerCase()),
  "hex in capitals": (value) => Buffer.from(value).toString("hex").toUpperCase(),
}
const base64s = (value: string, before: string, after: string): string[] => {
  const all = Buffer.from(before + value + after)
  return [all.toString("base64"), all.toString("base64url")]
}

// At least 8 bytes, so that a part of what is around cannot be equal by chance.
const values = fc
  .string({ unit: fc.constantFrom(...'abAB09/+=&?%<>"\\~!* é€\u{1F511}\n'), minLength: 8, maxLength: 24 })
  .filter((value) => value.trim().length >= 8)

describe("a reflected value", () => {
  const placeholder = "sr-00000000000000000000000000-K-0000000000000000000000"
  const maskValue = (value: string, body: string, cuts: readonly number[]) => {
    const patterns = needlesOf(value).map((needle) => ({ needle, replacement: bytes(placeholder) }))
    const whole = mask(patterns, [bytes(body)])
    expect(mask(patterns, split(bytes(body), cuts))).toBe(whole)
    return whole
  }

  test.each(Object.entries(encodings))("is masked as %s, however the body is cut", (_, encode) => {
    fc.assert(
      fc.property(values, fc.string(), fc.array(fc.nat(), { maxLength: 6 }), (value, around, cuts) => {
        const body = `${around}|${encode(value)}|${around}`
        const output = maskValue(value, body, cuts)
        expect(output).toContain(placeholder)
        const spelled = Buffer.from(encode(value)).toString("latin1")
        expect(output).not.toContain(spelled)
        expect(output).not.toContain(Buffer.from(value).toString("latin1"))
      }),
    )
  })

  test("is masked in base64 and base64url wherever in it it begins and ends", () => {
    fc.assert(
      fc.property(values, fc.string(), fc.string(), fc.array(fc.nat()), (value, before, after, cuts) => {
        for (const body of base64s(value, before, after)) {
          const output = maskValue(value, `"${body}"`, cuts)
          expect(output).toContain(placeholder)
          // Whatever can still be decoded has at most the bits that it shares with its neighbours.
          for (const part of output.split(placeholder))
            expect(Buffer.from(part, "base64").includes(Buffer.from(value))).toBe(false)
        }
      }),
    )
  })

  test("is masked with each cut of a body", () => {
    const value = "hunter2-hunter3"
    const body = `{"a":"${value}","b":"${btoa(`x${value}`)}"}`
    for (let cut = 0; cut <= body.length; cut++) {
      const output = maskValue(value, body, [cut])
      expect(output).not.toContain(value)
      expect(output.split(placeholder)).toHaveLength(3)
    }
  })

  test("of fewer than four bytes is not looked for", () => {
    expect(needlesOf("abc")).toEqual([])
    expect(needlesOf("äb").length).toBe(0)
    expect(needlesOf("abcd").every((needle) => needle.length >= 4)).toBe(true)
  })
})
