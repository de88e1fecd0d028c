/** The metadata of every collection as docs/record-format.md lists it, for the second decoder. */

type Guard<A> = (input: unknown) => input is A
type Guarded<G> = G extends Guard<infer A> ? A : never
type Fields = Readonly<Record<string, Guard<unknown>>>
type Shape<F extends Fields> = { readonly [K in keyof F]: Guarded<F[K]> }

const text: Guard<string> = (input) => typeof input === "string"
const time: Guard<number> = (input): input is number => typeof input === "number" && Number.isSafeInteger(input)
const timeOrNull: Guard<number | null> = (input): input is number | null => input === null || time(input)
const textOrNull: Guard<string | null> = (input): input is string | null => input === null || text(input)
const version: Guard<1> = (input) => input === 1
const oneOf =
  <A extends string>(...names: readonly A[]): Guard<A> =>
  (input): input is A =>
    names.some((name) => name === input)
const listOf =
  <A>(item: Guard<A>): Guard<readonly A[]> =>
  (input): input is readonly A[] =>
    Array.isArray(input) && input.every(item)
const object =
  <F extends Fields>(fields: F): Guard<Shape<F>> =>
  (input): input is Shape<F> => {
    if (typeof input !== "object" || input === null) return false
    const values = new Map<string, unknown>(Object.entries(input))
    return Object.entries(fields).every(([name, guard]) => guard(values.get(name)))
  }
const anyOf =
  <A, B>(first: Guard<A>, second: Guard<B>): Guard<A | B> =>
  (input): input is A | B =>
    first(input) || second(input)
const subject: Guard<Readonly<Record<string, string | readonly string[]>>> = (
  input,
): input is Readonly<Record<string, string | readonly string[]>> =>
  typeof input === "object" && input !== null && Object.values(input).every(anyOf(text, listOf(text)))

const grant = object({
  scope: object({ type: oneOf("workspace", "project", "environment", "vault") }),
  permission: oneOf("use", "read", "read-write", "admin"),
})
const secretFields = {
  v: version,
  id: text,
  name: text,
  type: oneOf("runtime", "build"),
  dataType: oneOf("text", "json"),
  note: text,
  createdAt: time,
  updatedAt: time,
}

export const keyset = object({
  v: version,
  compartment: text,
  sequence: time,
  closedAt: timeOrNull,
  keys: listOf(object({ commitment: text, createdAt: time })),
})
export const workspaceKeys = object({
  v: version,
  sequence: time,
  metadataKeys: listOf(object({ commitment: text, createdAt: time })),
  indexKeys: listOf(object({ generation: text, createdAt: time })),
})
export const info = object({ v: version, id: text, slug: text, name: text, owner: text, createdAt: time })
export const principal = object({ v: version, id: text, name: text, grants: listOf(grant), createdAt: time })
export const token = object({
  v: version,
  id: text,
  hash: text,
  name: text,
  grants: listOf(grant),
  maker: text,
  createdAt: time,
  expiresAt: timeOrNull,
  revokedAt: timeOrNull,
})
export const project = object({
  v: version,
  id: text,
  slug: text,
  name: text,
  team: textOrNull,
  environments: listOf(object({ id: text, name: text })),
  createdAt: time,
})
export const slug = object({ v: version, project: text })
export const environment = object({ v: version, id: text, project: text, name: text, createdAt: time })
export const secret = object({
  ...secretFields,
  project: text,
  holders: listOf(object({ environment: text, owner: text })),
})
export const secretPointer = object({ v: version, id: text, project: text, name: text })
export const value = object({ ...secretFields, environment: text, owner: text })
export const vault = object({
  v: version,
  id: text,
  name: text,
  description: text,
  createdAt: time,
  updatedAt: time,
})
export const vaultSecret = object({
  v: version,
  id: text,
  vault: text,
  envKey: text,
  allowedDomains: listOf(text),
  createdAt: time,
  updatedAt: time,
})
export const vaultSecretPointer = object({ v: version, id: text, vault: text, envKey: text })
export const fence = object({ v: version, action: oneOf("void"), at: time })
export const entry = object({
  v: version,
  at: time,
  action: text,
  principal: text,
  token: textOrNull,
  subject,
  writer: text,
  sequence: time,
  previous: text,
  refused: listOf(object({ first: time, last: time, link: text, previous: text })),
})
export const audit = anyOf(entry, fence)
export const receipt = object({ v: version, at: time })
export const marker = object({ v: version, format: time, rootFingerprint: text, createdAt: time })
export const workspacePointer = object({ v: version, workspace: text })
export const tokenPointer = object({ v: version, workspace: text, principal: text, token: text, hash: text })
