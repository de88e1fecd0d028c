import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { post, startWorld, type World } from "./support/world.ts"

/**
 * A request with any set of faults gets the answer of the fault that is checked first, and changes nothing. The orders
 * of the two lists below are the specification.
 */
const bodyLimit = 4096
let world: World
let mixed: string
beforeAll(async () => {
  world = await startWorld({ bodyLimit })
  const { development, staging, project, issue, token, vault } = world.acme
  const scope = (environment: string) => ({ type: "environment", project: project.id, environment }) as const
  mixed = (
    await issue([
      { scope: scope(development), permission: "read-write" },
      { scope: scope(staging), permission: "read" },
    ])
  ).token
  const secrets = [{ key: "TAKEN", value: "v", type: "runtime", dataType: "text" }]
  await world.call("/v1/workspace/acme/project/shop/secret", post(token, { environments: [development], secrets }))
  await world.call(`/api/public/v1/vaults/${vault}/secrets`, post(token, { env_key: "TAKEN", value: "v" }))
})
afterAll(() => world.stop())

type Order = readonly (readonly [fault: string, status: number, message: RegExp])[]

const credentials = fc.constantFrom("none", "unknown", "revoked", "expired", "scheme", "form")
const authorization = (kind: string, token: string): Readonly<Record<string, string>> => {
  switch (kind) {
    case "none":
      return {}
    case "unknown":
      return { authorization: `Bearer ek_live_${"A".repeat(43)}` }
    case "revoked":
      return { authorization: `Bearer ${world.revoked}` }
    case "expired":
      return { authorization: `Bearer ${world.expired}` }
    case "scheme":
      return { authorization: `Basic ${token}` }
    case "form":
      return { authorization: `Bearer ${token} ${token}` }
    default:
      return { authorization: `bEaReR ${token}` }
  }
}

const agrees = async (
  order: Order,
  errorField: "message" | "error",
  request: (
    has: (fault: string) => boolean,
    foreign: "workspace" | "project" | "environment",
  ) => { path: string; contentType: string; body: string; token: string },
) => {
  const { call, watch } = world
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(
        order.map(([fault]) => fault),
        { minLength: 1 },
      ),
      credentials,
      fc.constantFrom("workspace", "project", "environment"),
      async (faults, kind, foreign) => {
        const has = (fault: string) => faults.includes(fault)
        const { path, contentType, body, token } = request(has, foreign)
        const { committed } = watch
        const headers = {
          ...authorization(has("credentials") ? kind : "good", token),
          "content-type": contentType,
        }
        const answer = await call(path, { method: "POST", headers, body })
        const [, status, message] = order.find(([fault]) => has(fault)) ?? []
        expect(answer.status).toBe(status)
        expect(answer.json).toEqual({ [errorField]: expect.stringMatching(message ?? /^$/) })
        expect(answer.headers["www-authenticate"]).toBe(status === 401 ? "Bearer" : undefined)
        expect(answer.headers["cache-control"]).toBe("no-store")
        expect(answer.text).not.toContain("CANARY")
        expect(watch.committed).toBe(committed)
      },
    ),
    { numRuns: 400 },
  )
}

const damage = (has: (fault: string) => boolean, body: object): string => {
  const json = JSON.stringify({ ...body, padding: "p".repeat(has("size") ? bodyLimit : 0) })
  return has("json") ? json.slice(0, -1) : json
}
const contentTypeOf = (has: (fault: string) => boolean) =>
  has("content type") ? "application/json; charset=latin1" : 'application/json;charset="UTF-8"'

describe("order of checks", { timeout: 120_000 }, () => {
  test("Enkryptify", async () => {
    const { development, staging } = world.acme
    await agrees(
      [
        ["encoding", 400, /^path: /],
        ["credentials", 401, /./],
        ["id", 400, /^prj: /],
        ["content type", 415, /^content-type: /],
        ["size", 413, /^body: .*4096/],
        ["json", 400, /^body: /],
        ["schema", 400, /^secrets\[0\]\.key: /],
        ["duplicate", 400, /^secrets\[2\]\.key: /],
        ["data type", 400, /^secrets\[1\]\.value: /],
        ["foreign", 404, /./],
        ["not writable", 403, /./],
        ["taken", 409, /TAKEN/],
      ],
      "message",
      (has, foreign) => {
        const isForeign = (what: typeof foreign) => has("foreign") && foreign === what
        const second = { key: "SECOND", value: "CANARY", type: "runtime", dataType: has("data type") ? "json" : "text" }
        const body = {
          environments: [
            development,
            ...(has("not writable") ? [staging] : []),
            ...(isForeign("environment") ? [world.other.development] : []),
          ],
          secrets: [
            { key: has("schema") ? "no spaces" : "FIRST", value: "CANARY", type: "runtime", dataType: "text" },
            second,
            ...(has("duplicate") ? [second] : []),
            ...(has("taken") ? [{ ...second, key: "TAKEN", dataType: "text" }] : []),
          ],
        }
        const workspace = isForeign("workspace") ? "other" : "acme"
        const project = isForeign("project") ? world.other.project.id : "shop"
        return {
          path: `/v1/workspace/${has("encoding") ? "%c3" : workspace}/project/${has("id") ? "UPPER" : project}/secret/`,
          contentType: contentTypeOf(has),
          body: damage(has, body),
          token: mixed,
        }
      },
    )
  })

  test("Nairi", async () => {
    const { vault, token, reader } = world.acme
    await agrees(
      [
        ["encoding", 400, /^path: /],
        ["credentials", 401, /./],
        ["id", 400, /^vault_id: /],
        ["content type", 415, /^content-type: /],
        ["size", 413, /^body: .*4096/],
        ["json", 400, /^body: /],
        ["schema", 400, /^env_key: /],
        ["domain", 400, /^allowed_domains\[1\]: /],
        ["foreign", 404, /^vault not found$/],
        ["not writable", 403, /./],
        ["taken", 400, /^env_key already exists in this vault$/],
      ],
      "error",
      (has) => {
        const id = has("foreign") ? world.other.vault : vault
        const body = {
          env_key: has("schema") ? "no spaces" : "TAKEN",
          value: "CANARY",
          allowed_domains: ["a.example.com", has("domain") ? "*.com" : "b.example.com"],
        }
        return {
          path: `/api/public/v1/vaults/${has("id") ? id.toLowerCase() : id}${has("encoding") ? "%" : ""}/secrets`,
          contentType: contentTypeOf(has),
          body: damage(has, has("taken") || has("schema") ? body : { ...body, env_key: "FREE" }),
          token: has("not writable") ? reader : token,
        }
      },
    )
  })
})
