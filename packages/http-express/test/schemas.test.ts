import { readFileSync } from "node:fs"
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { badDomains, createSecretsBody, createVaultSecretBody } from "./support/bodies.ts"
import { get, post, startWorld, type World } from "./support/world.ts"

const { STRONGROOM_SLOW } = process.env
const slow = STRONGROOM_SLOW === "1"

/**
 * docs/openapi.json, whose request schemas are those of the two APIs' documentation, accepts and refuses what the
 * server does, but for the rules of our own that are listed here.
 */
const ajv = new Ajv2020({ strict: true })
formats.default(ajv)
ajv.addVocabulary(["openapi", "info", "servers", "security", "tags", "paths", "components"])
ajv.addSchema(JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8")), "openapi")

const schemaOf = (pointer: string) => {
  const validate = ajv.getSchema(`openapi#/${pointer}`)
  if (validate === undefined) throw new Error(`no schema at ${pointer}`)
  return validate
}

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

interface CreateSecrets {
  readonly environments: readonly string[]
  readonly secrets: readonly { key: string; value: string; note?: string; dataType: string }[]
}
interface CreateVaultSecret {
  readonly env_key: string
  readonly value: string
  readonly allowed_domains?: readonly string[]
}
type Rules<Body> = Readonly<Record<string, (body: Body) => boolean>>

const hasTwice = (items: readonly string[]) => new Set(items).size < items.length
const isJson = (text: string) => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** What the schema accepts and we refuse with 400. */
const ownRules: Rules<CreateSecrets> = {
  "an environment given twice, compared without case": ({ environments }) =>
    hasTwice(environments.map((id) => id.toLowerCase())),
  "a key given twice": ({ secrets }) => hasTwice(secrets.map(({ key }) => key)),
  "more than 1,000 values": ({ environments, secrets }) => environments.length * secrets.length > 1000,
  "a lone surrogate": ({ secrets }) =>
    secrets.some(({ value, note = "" }) => !value.isWellFormed() || !note.isWellFormed()),
  "a value of dataType json that is not JSON": ({ secrets }) =>
    secrets.some(({ dataType, value }) => dataType === "json" && !isJson(value)),
}

const ownVaultRules: Rules<CreateVaultSecret> = {
  "the form of env_key": ({ env_key }) => !/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(env_key),
  "a value over 65,536 code points": ({ value }) => [...value].length > 65_536,
  "a lone surrogate": ({ value }) => !value.isWellFormed(),
  "an invalid pattern": ({ allowed_domains = [] }) =>
    allowed_domains.some((pattern) => badDomains.includes(pattern) || pattern === "null"),
  "more than 100 patterns": ({ allowed_domains = [] }) => allowed_domains.length > 100,
}

const { "the form of env_key": _, ...rulesWithoutKey } = ownVaultRules
const ownUpdateRules: Rules<Partial<CreateVaultSecret>> = Object.fromEntries(
  Object.entries(rulesWithoutKey).map(([name, breaks]) => [
    name,
    (body) => breaks({ env_key: "KEY", value: "v", ...body }),
  ]),
)

/** Nothing is created: environments and vault do not exist, so what passes all validation is answered with 404. */
const agrees = async <Body>(
  pointer: string,
  bodies: fc.Arbitrary<string>,
  path: string,
  rules: Rules<Body>,
  method = "POST",
) => {
  const validate = schemaOf(pointer)
  const seen = new Map(["accepted", "refused by the schema", ...Object.keys(rules)].map((name) => [name, 0]))
  const count = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1)
  const accepts = (body: unknown): body is Body => validate(body) === true

  await fc.assert(
    fc.asyncProperty(bodies, async (text) => {
      const body: unknown = JSON.parse(text)
      const broken = accepts(body)
        ? Object.keys(rules).filter((name) => rules[name]?.(body))
        : ["refused by the schema"]
      const { status } = await world.call(path, { ...post(world.acme.token, text), method })
      expect(status).toBe(broken.length === 0 ? 404 : 400)
      for (const name of broken.length === 0 ? ["accepted"] : broken) count(name)
    }),
    { numRuns: slow ? 50_000 : 2_500 },
  )
  // Every rule was put to the test.
  expect([...seen].filter(([, times]) => times === 0)).toEqual([])
}

describe("requests", { timeout: slow ? 900_000 : 120_000 }, () => {
  test("CreateSecrets", () =>
    agrees("components/schemas/CreateSecrets", createSecretsBody, "/v1/workspace/acme/project/shop/secret", ownRules))

  test("CreateVaultSecret", () =>
    agrees(
      "components/schemas/CreateVaultSecret",
      createVaultSecretBody,
      "/api/public/v1/vaults/vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV/secrets",
      ownVaultRules,
    ))

  test("UpdateVaultSecret", () =>
    agrees(
      "components/schemas/UpdateVaultSecret",
      createVaultSecretBody,
      "/api/public/v1/vaults/vlt_01ARZ3NDEKTSV4RRFFQ69G5FAV/secrets/sec_01ARZ3NDEKTSV4RRFFQ69G5FAV",
      ownUpdateRules,
      "PATCH",
    ))
})

test("answers are as the document says", async () => {
  const { acme, call } = world
  const project = "/v1/workspace/acme/project/shop"
  const vault = `/api/public/v1/vaults/${acme.vault}/secrets`
  const secrets = [{ key: "NAME", value: "v", type: "runtime", dataType: "text" }]
  const made = await world.strongroom.vaults.secrets.create(acme.owner, acme.vault, { envKey: "MADE", value: "v" })
  const json = (path: string, status: string, method = "get") =>
    `paths/${path.replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D")}/${method}/responses/${status}/content/application~1json/schema`
  const inProject = "/v1/workspace/{ws}/project/{prj}"
  const inVault = "/api/public/v1/vaults/{vault_id}/secrets"
  for (const [path, request, pointer] of [
    [
      `${project}/secret`,
      post(acme.token, { environments: [acme.development], secrets }),
      json(`${inProject}/secret`, "200", "post"),
    ],
    [`${project}/secret`, get(acme.token), json(`${inProject}/secret`, "200")],
    [`${project}/secret/NAME`, get(acme.token), json(`${inProject}/secret/{name}`, "200")],
    [`${project}/environment`, get(acme.token), json(`${inProject}/environment`, "200")],
    [`${project}/secret/NONE`, get(acme.token), "components/schemas/EnkryptifyErrorBody"],
    [vault, post(acme.token, { env_key: "NAME", value: "v" }), json(inVault, "201", "post")],
    [vault, get(acme.token), json(inVault, "200")],
    [
      `${vault}/${made.id}`,
      { ...post(acme.token, { value: "w" }), method: "PATCH" },
      json(`${inVault}/{secret_id}`, "200", "patch"),
    ],
    ["/api/public/v1/vaults", get(acme.token), json("/api/public/v1/vaults", "200")],
    [vault, get("none"), "components/schemas/NairiErrorBody"],
  ] as const) {
    const validate = schemaOf(pointer)
    expect([path, validate((await call(path, request)).json), validate.errors]).toEqual([path, true, null])
  }
})
