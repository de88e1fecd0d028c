import { inspect } from "node:util"
import { isStrongroomError } from "@strongroom/core"
import { describe, expect, test } from "vitest"
import { checkedAgent, guardedFetch } from "../src/index.ts"
import { principal, releasing, vault } from "./support/guard.ts"

/** What untyped callers do. */
const untyped = (value: unknown): never => value as never
const { release } = releasing()
const make = (changes: object) => guardedFetch(untyped({ principal, vault, release, ...changes }))
const engine = { vaults: { secrets: { release } } }

const refusal = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return expect.fail("it was to be refused")
}

/** A message names the option; what was given could be a key in the wrong place. */
const expectRefused = (run: () => unknown, path: string) => {
  const error = refusal(run)
  expect(isStrongroomError(error)).toBe(true)
  expect(error).toMatchObject({ code: "INVALID_INPUT", details: { path } })
  expect(inspect(error)).toContain(`${path}: must`)
  expect(inspect(error)).not.toContain("given")
}

const notWhole = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, "5", null]

describe("guardedFetch refuses, by its name,", () => {
  test.each<[string, object]>([
    ["principal.workspace", { principal: undefined }],
    ["principal.workspace", { principal: { id: "prn_1" } }],
    ["principal.id", { principal: { workspace: "w" } }],
    ["principal.id", { principal: { workspace: "w", id: "" } }],
    ["principal.id", { principal: { workspace: "w", id: "\ud800" } }],
    ["principal.id", { principal: { workspace: "w", id: ["given"] } }],
    ["vault", { vault: undefined }],
    ["vault", { vault: [vault] }],
    ["vault", { vault: "vlt_given" }],
    ["placeholderKey", { placeholderKey: "given".repeat(7).slice(0, 32) }],
    ["placeholderKey", { placeholderKey: new Uint16Array(32) }],
    ["placeholderKey", { placeholderKey: new ArrayBuffer(32) }],
    ["placeholderKey", { placeholderKey: Array(32).fill(7) }],
    ["placeholderKey", { placeholderKey: new Uint8Array(31) }],
    ["placeholderKey", { placeholderKey: new Uint8Array(33) }],
    ["placeholderKey", { placeholderKey: null }],
    ["fetch", { fetch: "given" }],
    ["release", { release: "given" }],
    ["release", { release: null }],
    ["strongroom", { strongroom: engine }],
    ["strongroom.vaults.secrets.release", { release: undefined }],
    ["strongroom.vaults.secrets.release", { release: undefined, strongroom: { vaults: {} } }],
    ["purpose", { release: undefined, strongroom: engine, purpose: "given" }],
    ["substitute", { substitute: true }],
    ["substitute", { substitute: null }],
    ["substitute.query", { substitute: { query: "given" } }],
    ["substitute.body", { substitute: { body: 1 } }],
    ["allowCleartext", { allowCleartext: "given" }],
    ["mask", { mask: 0 }],
    ...[...notWhole, 101].map((maxRedirects): [string, object] => ["maxRedirects", { maxRedirects }]),
  ])("a wrong %s: %j", (path, changes) => {
    expectRefused(() => make(changes), path)
  })

  test("no options at all", () => {
    expectRefused(() => guardedFetch(untyped(undefined)), "principal.workspace")
  })
})

test("guardedFetch takes the ends of each range, and undefined for what has a default", () => {
  for (const maxRedirects of [0, 100, undefined]) make({ maxRedirects })
  for (const placeholderKey of [new Uint8Array(32), Buffer.alloc(32), undefined]) make({ placeholderKey })
  for (const purpose of ["release", "forward", undefined]) make({ release: undefined, strongroom: engine, purpose })
  make({ fetch: undefined, substitute: undefined, allowCleartext: undefined, mask: undefined, strongroom: undefined })
  make({ substitute: { query: undefined, body: false } })
})

describe("checkedAgent refuses, by its name,", () => {
  test.each<[string, object]>([
    ["resolve", { resolve: "given" }],
    ["allowPrivateAddresses", { allowPrivateAddresses: "10.0.0.0/8, given" }],
    ["allowPrivateAddresses", { allowPrivateAddresses: null }],
    ["allowPrivateAddresses", { allowPrivateAddresses: [7] }],
    ...["connectTimeoutMs", "headersTimeoutMs", "bodyTimeoutMs"].flatMap((name) =>
      [...notWhole, 0, 2 ** 31].map((value): [string, object] => [name, { [name]: value }]),
    ),
  ])("a wrong %s: %j", (path, options) => {
    expectRefused(() => checkedAgent(untyped(options)), path)
  })
})

test("checkedAgent takes the ends of each range", () => {
  for (const ms of [1, 2 ** 31 - 1, undefined])
    checkedAgent(untyped({ connectTimeoutMs: ms, headersTimeoutMs: ms, bodyTimeoutMs: ms }))
})
