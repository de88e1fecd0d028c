import { readFileSync } from "node:fs"
import { join } from "node:path"
import { canonicalDomain, matchAllowedDomains, releaseRefusals } from "@strongroom/core/domains"
import { describe, expect, test } from "vitest"
import { root } from "./run.ts"

const text = readFileSync(join(root, "docs/allowed-domains.md"), "utf8")

/** The rows of the first table under a heading, as cells. */
const rowsOf = (heading: string): readonly (readonly string[])[] => {
  const section = text.split(`\n## ${heading}\n`)[1] ?? ""
  const lines = (/^\|[^\n]*(\n\|[^\n]*)*/m.exec(section)?.[0] ?? "").split("\n")
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.replace(/^ /, "").trimEnd()),
  )
}
const codes = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)

describe("the patterns of docs/allowed-domains.md", () => {
  const rows = rowsOf("What a pattern may be")
  test("are there", () => expect(rows.length).toBeGreaterThan(15))

  test.each(rows.map(([pattern = "", answer = ""]) => [codes(pattern)[0] ?? "", answer] as const))(
    "%s: %s",
    (pattern, answer) => {
      const [said = ""] = codes(answer)
      const expected = answer.startsWith("stored as ") ? { ok: true, domain: said } : { ok: false, reason: said }
      expect(canonicalDomain(pattern)).toMatchObject(expected)
    },
  )
})

describe("the targets of docs/allowed-domains.md", () => {
  const rows = rowsOf("What matches")
  test("are there", () => expect(rows.length).toBeGreaterThan(20))

  test.each(
    rows.map(([patterns = "", target = "", answer = ""]) => [patterns, codes(target)[0] ?? "", answer] as const),
  )("%s, %s: %s", (patterns, target, answer) => {
    const [said = ""] = codes(answer)
    const stored = codes(patterns).map((pattern) => {
      const canonical = canonicalDomain(pattern)
      if (!canonical.ok) throw new Error(canonical.message)
      return canonical.domain
    })
    const expected = answer.startsWith("goes to ") ? { allowed: true, host: said } : { allowed: false, reason: said }
    expect(matchAllowedDomains(stored, target)).toEqual(expected)
  })
})

test("the reasons of docs/allowed-domains.md are all that there are", () => {
  const reasons = rowsOf("Release").map(([reason = ""]) => codes(reason)[0])
  expect(reasons).toEqual(Object.keys(releaseRefusals))
})
