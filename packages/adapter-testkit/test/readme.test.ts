import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { clauses } from "../src/clauses/all.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const needs = {
  reopen: "`reopen`; durable adapters",
  second: "`second`; shared adapters",
  peer: "`peer`; optional",
  peek: "`peek`; optional",
} as const

it("the README lists every clause as it is", () => {
  const listed = [...readme.matchAll(/^\| `([a-z-]+)` +\| (.+?) +\| (.*) ?\|$/gm)].map(([, id, title, needed]) => {
    return { id, title, needs: needed?.trim() }
  })
  expect(listed).toEqual(clauses.map(({ id, title, needs: part }) => ({ id, title, needs: part ? needs[part] : "" })))
  expect(readme).toContain(`kit puts ${clauses.length} clauses`)
  expect(readme).toContain(`${clauses.length - 1} ran, 1 skipped`)
})
