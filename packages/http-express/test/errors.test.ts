import { errorCodes, StrongroomError } from "@strongroom/core"
import { describe, expect, test } from "vitest"
import { enkryptifyErrors } from "../src/enkryptify/errors.ts"
import { describe as answerTo, loggable } from "../src/errors.ts"
import { nairiErrors } from "../src/nairi/errors.ts"

const statuses = {
  enkryptify: [400, 401, 403, 404, 409, 500, 503],
  nairi: [400, 401, 403, 404, 500, 503],
}

describe.each([
  ["enkryptify", enkryptifyErrors, statuses.enkryptify],
  ["nairi", nairiErrors, statuses.nairi],
])("%s", (_, table, allowed) => {
  test.each(errorCodes)("answers %s with a status and a text", (code) => {
    const { status, text } = answerTo(table, new StrongroomError(code, "what happened"))
    expect(allowed).toContain(status)
    expect(text).not.toBe("")
    if (status >= 500) expect(text).not.toContain("what happened")
    if (/NOT_FOUND$/.test(code)) expect(status).toBe(404)
  })
})

test("paths are spelled as each API's clients know them", () => {
  const invalid = (path: string) => new StrongroomError("INVALID_INPUT", "", { path, reason: "wrong" })
  const enkryptify = (path: string) => answerTo(enkryptifyErrors, invalid(path)).text
  const nairi = (path: string) => answerTo(nairiErrors, invalid(path)).text
  expect([enkryptify("secrets[12].name"), enkryptify("secrets[0].value"), enkryptify("")]).toEqual([
    ...["secrets[12].key: wrong", "secrets[0].value: wrong", "body: wrong"],
  ])
  expect([nairi("envKey"), nairi("allowedDomains"), nairi("allowedDomains[3]")]).toEqual([
    ...["env_key: wrong", "allowed_domains: wrong", "allowed_domains[3]: wrong"],
  ])
})

test("an error that is not the engine's is told and logged without its message", () => {
  const error = new TypeError("CANARY\n    at CANARY")
  expect(answerTo(nairiErrors, error)).toEqual({ status: 500, text: "internal error: INTERNAL" })
  const logged = loggable(error)
  expect(logged).toMatchObject({
    code: "INTERNAL",
    name: "TypeError",
    stack: expect.stringContaining("errors.test.ts"),
  })
  expect(JSON.stringify(logged)).not.toContain("CANARY")
  expect(loggable("CANARY")).toEqual({ code: "INTERNAL" })
})
