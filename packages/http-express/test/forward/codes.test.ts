import { readFileSync } from "node:fs"
import { type ErrorCode, StrongroomError } from "@strongroom/core"
import { GuardedFetchError, guardedFetchErrorCodes } from "@strongroom/guarded-fetch"
import { describe, expect, test } from "vitest"
import { RequestError } from "../../src/errors.ts"
import { answerTo, ForwardError } from "../../src/forward/errors.ts"

const text = readFileSync(new URL("../../../../docs/allowed-domains.md", import.meta.url), "utf8")
const documented = new Map(
  [...text.matchAll(/^\| (\d{3}) +\| (`[A-Z].*?`) +\|/gm)].flatMap(([, status, codes = ""]) =>
    [...codes.matchAll(/[A-Z_]+/g)].map(([code]) => [code, Number(status)] as const),
  ),
)

const guarded = (code: (typeof guardedFetchErrorCodes)[number]) => new GuardedFetchError(code, "text")
const forwardCodes = [
  "NO_PLACEHOLDER",
  "ADDRESS_NOT_PUBLIC",
  "TOO_MANY_FORWARDS",
  "RESPONSE_TOO_LARGE",
  "TIMEOUT",
] as const
const engineCodes: readonly ErrorCode[] = [
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "RELEASE_DENIED",
  "VAULT_NOT_FOUND",
  "SECRET_NOT_FOUND",
]
// The forward endpoint sends bytes, follows redirects, and tells the engine's own error where release rejects.
const unreachable = ["RELEASE_REFUSED", "REDIRECT_REFUSED", "BODY_NOT_REPLAYABLE"]

const errors = [
  ...guardedFetchErrorCodes.filter((code) => !unreachable.includes(code)).map(guarded),
  ...forwardCodes.map((code) => new ForwardError(code, "text")),
  ...engineCodes.map((code) => new StrongroomError(code, "text")),
  ...[400, 413, 415].map((status) => new RequestError(status, "text")),
]

describe("docs/allowed-domains.md", () => {
  test("lists every code, and no other", () => {
    expect([...documented.keys()].sort()).toEqual(errors.map((error) => answerTo(error).body.code).sort())
  })

  test.each(errors.map((error) => answerTo(error)))("gives $body.code the status $status", ({ status, body }) => {
    expect(documented.get(body.code)).toBe(status)
  })
})

test("what is not known is told by no more than that", () => {
  expect(answerTo(new TypeError("sk-123 is not a header"))).toEqual({
    status: 500,
    body: { error: "internal error: INTERNAL", code: "INTERNAL" },
    headers: {},
  })
})
