import { inspect } from "node:util"
import { isStrongroomError } from "@strongroom/core"
import { expect, test } from "vitest"
import { forwardRouter } from "../../src/forward.ts"

/** What untyped callers do. */
const untyped = (value: unknown): never => value as never
const call = () => expect.fail("nothing is asked of the engine")
const strongroom = {
  tokens: { identify: call, verify: call },
  vaults: { secrets: { list: call, release: call } },
}
const mount = (changes: object) => forwardRouter(untyped({ strongroom, ...changes }))

const numbers = [Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1.5, "5", null]

test.each<[string, object]>([
  ["strongroom", { strongroom: undefined }],
  ["strongroom.vaults", { strongroom: { tokens: strongroom.tokens } }],
  ["strongroom.tokens.verify", { strongroom: { ...strongroom, tokens: { identify: call } } }],
  ["authenticate", { authenticate: "given" }],
  ["placeholderKey", { placeholderKey: "given".repeat(7).slice(0, 32) }],
  ["placeholderKey", { placeholderKey: new Uint16Array(32) }],
  ["placeholderKey", { placeholderKey: new Uint8Array(31) }],
  ["placeholderKey", { placeholderKey: null }],
  ["substitute", { substitute: "given" }],
  ["substitute.body", { substitute: { body: "given" } }],
  ["allowCleartext", { allowCleartext: "given" }],
  ["logger.error", { logger: {} }],
  ["resolve", { resolve: "given" }],
  ["allowPrivateAddresses", { allowPrivateAddresses: "given" }],
  ["allowPrivateAddresses[0]", { allowPrivateAddresses: ["-/given"] }],
  ...["timeoutMs", "maxRequestBytes", "maxResponseBytes", "maxConcurrent"].flatMap((name) =>
    numbers.map((value): [string, object] => [name, { [name]: value }]),
  ),
  ["timeoutMs", { timeoutMs: 2 ** 31 }],
])("a router is not made with a wrong %s: %j", (path, changes) => {
  let refusal: unknown
  try {
    mount(changes)
  } catch (error) {
    refusal = error
  }
  expect(isStrongroomError(refusal)).toBe(true)
  expect(refusal).toMatchObject({ code: "INVALID_INPUT", details: { path } })
  // What was given could be a key in the wrong place.
  expect(inspect(refusal)).not.toContain("given")
})

test("a router takes the ends of each range, and undefined for what has a default", () => {
  for (const timeoutMs of [1, 2 ** 31 - 1, undefined]) mount({ timeoutMs })
  for (const n of [1, Number.MAX_SAFE_INTEGER, undefined])
    mount({ maxRequestBytes: n, maxResponseBytes: n, maxConcurrent: n })
  for (const placeholderKey of [new Uint8Array(32), Buffer.alloc(32), undefined]) mount({ placeholderKey })
})
