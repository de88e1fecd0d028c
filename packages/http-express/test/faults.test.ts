import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { get, post, startWorld, type World } from "./support/world.ts"

const canary = "CANARY-31d0"
let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(async () => {
  Object.assign(world.watch, { failReads: false, failCommits: undefined, tamper: undefined })
  await world.stop()
})

const requests = () => [
  {
    field: "message",
    path: "/v1/workspace/acme/project/shop/secret",
    body: {
      environments: [world.acme.development],
      secrets: [{ key: "NEW", value: canary, type: "runtime", dataType: "text" }],
    },
  },
  {
    field: "error",
    path: `/api/public/v1/vaults/${world.acme.vault}/secrets`,
    body: { env_key: "NEW", value: canary },
  },
]

describe("a fault of the storage", () => {
  test.each([
    ["UNAVAILABLE", 503, "1", /STORAGE_UNAVAILABLE/, "STORAGE_UNAVAILABLE"],
    ["BUSY", 503, "1", /STORAGE_BUSY/, "STORAGE_BUSY"],
    ["UNKNOWN_OUTCOME", 503, undefined, /outcome unknown/, "OUTCOME_UNKNOWN"],
    ["FATAL", 500, undefined, /^internal error: STORAGE_FAILED$/, "STORAGE_FAILED"],
  ] as const)("in a commit: %s", async (code, status, retryAfter, message, logged) => {
    world.watch.failCommits = code
    for (const { field, path, body } of requests()) {
      world.logged.length = 0
      const answer = await world.call(path, post(world.acme.token, body))
      expect(answer.status).toBe(status)
      expect(answer.json).toEqual({ [field]: expect.stringMatching(message) })
      expect(answer.headers["retry-after"]).toBe(retryAfter)
      expect(world.logged.join()).toContain(logged)
      expect(world.logged.join() + answer.text).not.toContain(canary)
    }
    expect(world.watch.faults).toBeGreaterThanOrEqual(2)
  })

  test("in a read, with good input and with bad", async () => {
    world.watch.failReads = true
    for (const { field, path, body } of requests()) {
      for (const call of [post(world.acme.token, body), post(world.acme.token, {}), get(world.acme.token)]) {
        const answer = await world.call(path, call)
        expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"])
        expect(answer.json).toEqual({ [field]: expect.stringContaining("STORAGE_UNAVAILABLE") })
      }
    }
    expect(world.watch.faults).toBeGreaterThan(0)
  })
})

test("a damaged record is an internal error that names its code alone, and is logged", async () => {
  const [{ path, body }] = requests() as [ReturnType<typeof requests>[number]]
  expect((await world.call(path, post(world.acme.token, body))).status).toBe(200)
  world.watch.tamper = /^value\./
  const answer = await world.call(`${path}/NEW`, get(world.acme.token))
  expect(world.watch.faults).toBeGreaterThan(0)
  expect([answer.status, answer.text]).toEqual([500, '{"message":"internal error: INTEGRITY"}'])
  const entry = JSON.parse(world.logged.find((line) => line.includes("request failed")) ?? "{}")
  expect(entry.fields).toMatchObject({ method: "GET", status: 500, code: "INTEGRITY" })
  expect(world.logged.join()).not.toContain(canary)
})

test("a closed engine answers 503", async () => {
  await world.strongroom.close()
  for (const { field, path, body } of requests()) {
    const answer = await world.call(path, post(world.acme.token, body))
    expect([answer.status, answer.json]).toEqual([503, { [field]: expect.stringContaining("CLOSED") }])
  }
})
