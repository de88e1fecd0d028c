import { type Principal, redact } from "@strongroom/core"
import { type MarkerName, markedToken, marker } from "./markers.ts"
import type { Stage } from "./stage.ts"
import type { Traces } from "./traces.ts"

type Method = (...args: never[]) => Promise<unknown>

/** Every method of an object and of the objects in it, by its path. */
export const methodsOf = (api: object, path = ""): readonly (readonly [name: string, method: Method])[] =>
  Object.entries(api).flatMap(([name, value]: [string, unknown]) => {
    if (isMethod(value)) return [[`${path}${name}`, value] as const]
    return typeof value === "object" && value !== null ? methodsOf(value, `${path}${name}.`) : []
  })

const isMethod = (value: unknown): value is Method => typeof value === "function"

/** What a method's answer is there to return; a note is text that people read. */
const returnsOf = (name: string): readonly MarkerName[] => (/^secrets\.(get|list)$/.test(name) ? ["note"] : [])

/** Calls, prints what comes of it, and gives the code of the error. */
export const record = async (traces: Traces, where: string, call: () => Promise<unknown>): Promise<string> => {
  try {
    const answer = await call()
    const returns = returnsOf(where)
    const isNew = traces.print("object", where, answer, returns)
    if (isNew && returns.length === 0) console.log(where, answer)
    return "ok"
  } catch (error) {
    if (traces.print("error", where, error)) console.log(where, error)
    return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "untyped"
  }
}

/** Arguments with which each method succeeds, most of them again and again. */
const goodArguments = (stage: Stage): Readonly<Record<string, readonly unknown[]>> => {
  const { owner, workspace, project, environments, vault, vaultSecret, emptyVault, member, tokenId } = stage
  const grants = [
    { scope: { type: "workspace" }, permission: "read" },
    { scope: { type: "environment", project, environment: environments[0] }, permission: "read-write" },
    { scope: { type: "vault", vault }, permission: "admin" },
  ]
  const vouchedFor = { workspace, id: "host", grants: [{ scope: { type: "workspace" }, permission: "admin" }] }
  const secret = { name: "NEW", value: marker("value"), note: marker("note"), type: "runtime", dataType: "text" }
  const json = { ...secret, name: "NEW_JSON", value: JSON.stringify(marker("value")), dataType: "json" }
  return {
    "workspaces.create": [{ slug: "another", name: "Another", owner: "Owner" }],
    "workspaces.find": [workspace],
    "principals.create": [vouchedFor, { name: "new", grants }],
    "principals.get": [owner, member],
    "principals.setGrants": [owner, member, grants],
    "tokens.issue": [owner, { name: "new", grants, expiresAt: new Date(Date.now() + 60_000) }],
    "tokens.list": [owner],
    "tokens.identify": [markedToken],
    "tokens.verify": [{ ...owner, token: tokenId }],
    "projects.create": [owner, { slug: "another", name: "Another" }],
    "projects.get": [owner, "project"],
    "projects.list": [owner],
    "environments.create": [owner, { project, name: "another" }],
    "environments.list": [owner, { workspace, project }],
    "secrets.create": [owner, { workspace, project, environments: environments.slice(0, 2), secrets: [secret, json] }],
    "secrets.list": [owner, { workspace, project, environment: environments[0] }],
    "secrets.get": [vouchedFor, { workspace, project, environment: environments[0], name: "TEXT" }],
    "vaults.create": [owner, { name: "another", description: "described" }],
    "vaults.list": [owner],
    "vaults.secrets.create": [
      owner,
      vault,
      { envKey: "NEW", value: marker("vaultValue"), allowedDomains: ["api.example.com", "*.example.org"] },
    ],
    "vaults.secrets.list": [owner, vault],
    "vaults.secrets.update": [
      owner,
      vault,
      vaultSecret,
      { value: marker("vaultValue"), allowedDomains: ["api.example.com", "*.example.org"] },
    ],
    "vaults.secrets.release": [
      owner,
      vault,
      "KEY",
      "https://api.example.com/",
      { purpose: "release", allowCleartext: false },
    ],
    "keys.rotate": [owner, { project, environment: environments[0] }],
    "audit.list": [owner, { limit: 1000 }],
    ping: [],
    // These end what the others need.
    "tokens.revoke": [owner, tokenId],
    "vaults.secrets.remove": [owner, vault, vaultSecret],
    "vaults.remove": [owner, emptyVault],
    "environments.remove": [owner, { project, environment: environments[2] }],
    close: [],
  }
}

const stray = marker("stray")
const thrown = () => {
  throw new Error(`${stray}\n    at ${stray}\n    at file:///${stray}`)
}

/** Objects of a caller that fail when they are looked at. */
const throwing = () => [
  new Proxy(
    {},
    { get: thrown, has: thrown, ownKeys: thrown, getPrototypeOf: thrown, getOwnPropertyDescriptor: thrown },
  ),
  Object.defineProperties(
    {},
    { workspace: { get: thrown, enumerable: true }, name: { get: thrown, enumerable: true } },
  ),
  { toString: thrown, toJSON: thrown, valueOf: thrown, [Symbol.toPrimitive]: thrown },
]

/** Wrong everywhere, but as a secret's value, where a text and a wrapped text are right and as secret. */
const wrong = (): readonly unknown[] => [
  `${stray}\ud800`,
  stray.repeat(2_500),
  [stray],
  { [stray]: stray },
  new String(stray),
  Buffer.from(stray),
  Symbol(stray),
  () => stray,
  new Error(stray),
  redact(stray),
  redact(`${stray}\udfff`),
  new Map([[stray, stray]]),
  42,
  null,
  undefined,
]

/** Where people may write what they like; the engine calls things by these names. */
const isFreeText = (path: string): boolean => /(^|\.)(note|description|owner|id)$|^1\.name$/.test(path)

/** The arguments with one part of them replaced, at every depth, by every wrong thing. */
const spoiled = function* (args: readonly unknown[], withThrowing: boolean): Generator<readonly unknown[]> {
  const replacements = (path: string) => [
    ...wrong(),
    ...(isFreeText(path) ? [] : [stray]),
    ...(withThrowing ? throwing() : []),
  ]
  const replaceIn = function* (part: unknown, path: string): Generator<unknown> {
    yield* replacements(path)
    if (Array.isArray(part)) {
      for (const [index, item] of part.entries()) {
        for (const other of replaceIn(item, `${path}[]`)) yield part.with(index, other)
      }
    } else if (typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype) {
      for (const [key, item] of Object.entries(part)) {
        for (const other of replaceIn(item, `${path}.${key}`)) yield { ...part, [key]: other }
      }
    }
  }
  for (const [index, arg] of args.entries()) {
    for (const other of replaceIn(arg, String(index))) yield args.with(index, other)
  }
}

const ends = /remove$|revoke$|^close$/

const isCallable = (method: Method): method is (...args: unknown[]) => Promise<unknown> => typeof method === "function"

/** Every method with good arguments and with all that is wrong. Gives the codes that were met, by method. */
export const exerciseFacade = async (
  stage: Stage,
  withThrowing: boolean,
): Promise<Readonly<Record<string, Set<string>>>> => {
  const { strongroom, traces } = stage
  const methods = new Map(methodsOf(strongroom))
  const codes: Record<string, Set<string>> = {}
  const good = goodArguments(stage)
  const missing = [...methods.keys()].filter((name) => good[name] === undefined)
  if (missing.length > 0) throw new Error(`not exercised: ${missing.join()}`)
  const call = async (name: string, args: readonly unknown[]) => {
    const method = methods.get(name)
    if (method === undefined || !isCallable(method)) throw new Error(`no method ${name}`)
    const code = await record(traces, name, () => method(...args))
    codes[name] = (codes[name] ?? new Set()).add(code)
  }
  for (const [name, args] of Object.entries(good)) {
    if (!ends.test(name)) await call(name, args)
    for (const bad of spoiled(args, withThrowing)) await call(name, bad)
    await call(name, args)
    // Once more: what is removed is gone, what is closed is closed.
    await call(name, args)
  }
  return codes
}

/** Ways to the errors that well-formed requests meet. */
export const provokeRefusals = async ({ strongroom, traces, ...stage }: Stage): Promise<ReadonlySet<string>> => {
  const { owner, workspace, project, environments, vault } = stage
  const { secrets, vaults, principals, tokens, projects } = strongroom
  const codes = new Set<string>()
  const nobody: Principal = { workspace, id: "nobody", grants: [] }
  const reader: Principal = { workspace, id: "reader", grants: [{ scope: { type: "workspace" }, permission: "read" }] }
  const text = { value: marker("value"), note: marker("note"), type: "runtime", dataType: "text" } as const
  const create = (principal: Principal, ...names: readonly string[]) =>
    secrets.create(principal, { project, environments, secrets: names.map((name) => ({ name, ...text })) })
  const uuid = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"
  const ulid = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
  const value = marker("vaultValue")
  const grants = [{ scope: { type: "workspace" }, permission: "admin" }] as const
  const calls: readonly (() => Promise<unknown>)[] = [
    () => create(owner, "TEXT"),
    () => create(owner, "SAME", "SAME"),
    () => create(reader, "NEW"),
    () => create(nobody, "NEW"),
    () => create(owner, ...Array.from({ length: 400 }, (_, index) => `KEY_${index}`)),
    () => secrets.create(owner, { project, environments: environments.slice(2), secrets: [{ name: "JSON", ...text }] }),
    () =>
      secrets.create(owner, {
        project,
        environments,
        secrets: [{ ...text, name: "BROKEN", dataType: "json", value: `{"a":${marker("value")}` }],
      }),
    () => secrets.create(owner, { project, environments: [uuid], secrets: [{ name: "NEW", ...text }] }),
    () => secrets.create(owner, { workspace: "other", project, environments, secrets: [{ name: "NEW", ...text }] }),
    () => secrets.get(owner, { project, name: "ABSENT" }),
    () => secrets.list(owner, { project, environment: uuid }),
    () => projects.get({ ...owner, workspace: uuid }, "project"),
    () => vaults.secrets.create(owner, vault, { envKey: "KEY", value }),
    () => vaults.secrets.create(reader, vault, { envKey: "NEW", value }),
    () => vaults.secrets.create(owner, `vlt_${ulid}`, { envKey: "NEW", value }),
    () => vaults.secrets.create(owner, vault, { envKey: "NEW", value, allowedDomains: [marker("stray")] }),
    () => vaults.secrets.create(owner, vault, { envKey: "NEW", value, allowedDomains: [`${marker("stray")}.com`] }),
    () => vaults.secrets.release(owner, vault, "KEY", `https://user:${marker("stray")}@api.example.com/`),
    () => vaults.secrets.release(owner, vault, "KEY", `https://evil.example/?${marker("stray")}`),
    () => vaults.secrets.release(owner, vault, "ABSENT", "https://api.example.com/"),
    () => vaults.secrets.update(reader, vault, stage.vaultSecret, { value }),
    () => vaults.secrets.update(owner, vault, stage.vaultSecret, { allowedDomains: [`${marker("stray")}.com:1`] }),
    () => vaults.remove(owner, vault),
    () => principals.get(owner, `prn_${ulid}`),
    () => tokens.revoke(owner, `tok_${ulid}`),
    () => tokens.issue(owner, { name: "again", grants, token: markedToken }),
    () => tokens.issue(owner, { name: "again", grants, token: `${markedToken}A` }),
    () => tokens.issue(nobody, { name: "again", grants }),
    () => tokens.identify(`${markedToken}A`),
    () => tokens.verify({ ...owner, token: `tok_${ulid}` }),
    () => strongroom.environments.create(owner, { project, name: "production" }),
    () => projects.create(owner, { slug: "project", name: "Again" }),
  ]
  for (const call of calls) codes.add(await record(traces, "refused", call))
  return codes
}

/** The engine's own objects, as somebody might print them. */
export const printObjects = (traces: Traces, objects: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(objects)) {
    traces.print("object", name, value)
    console.log(name, value)
  }
}
