import { Redacted, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { invalidInput } from "./errors.ts"
import { codePoints, isWellFormed } from "./text.ts"

/**
 * The fields that requests are made of, one rule each. HTTP bindings build their own bodies from these, so that a limit
 * stands once. Lengths are code points. A failed check tells the rule and never what was given.
 */

const textRule = (least: number, most: number) => {
  const rule = least === 0 ? `must be at most ${most} characters` : `must be ${least} to ${most} characters`
  return (value: string): true | string => {
    if (!isWellFormed(value)) return "must not hold a lone surrogate"
    // A code point has one or two units, so most texts need no counting.
    if (value.length >= 2 * least && value.length <= most) return true
    const length = codePoints(value)
    return (length >= least && length <= most) || rule
  }
}

const text = (least: number, most: number) => Schema.String.check(Schema.makeFilter(textRule(least, most)))

const pattern = (regExp: RegExp, rule: string) =>
  Schema.String.check(Schema.makeFilter((value) => regExp.test(value) || rule))

const ulid = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu
const slug = /^[a-z0-9_-]{2,48}$/u

export const isUuid = (value: string): boolean => uuid.test(value)

/** A slug that looks like a UUID could not be told from an id. */
export const isSlug = (value: string): boolean => slug.test(value) && !uuid.test(value)

export const Slug = Schema.String.check(
  Schema.makeFilter((value) => isSlug(value) || "must be 2 to 48 of a-z 0-9 _ - and not a UUID"),
)
export const SlugOrId = Schema.String.check(
  Schema.makeFilter((value) => slug.test(value) || uuid.test(value) || "must be a slug or an id"),
)
/** RFC 9562 versions 1–8, nil and max, as the Enkryptify API specifies it. */
export const EnvironmentId = pattern(
  /^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$/u,
  "must be a UUID",
)
/** As the engine makes it: lower case. */
export const WorkspaceId = pattern(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u,
  "must be a workspace id in lower case",
)
export const VaultId = pattern(new RegExp(`^vlt_${ulid}$`, "u"), "must be vlt_ and a ULID")
export const VaultSecretId = pattern(new RegExp(`^sec_${ulid}$`, "u"), "must be sec_ and a ULID")
const principalId = new RegExp(`^prn_${ulid}$`, "u")
export const isPrincipalId = (value: string): boolean => principalId.test(value)
export const PrincipalId = pattern(principalId, "must be prn_ and a ULID")
export const TokenId = pattern(new RegExp(`^tok_${ulid}$`, "u"), "must be tok_ and a ULID")

export const SecretName = pattern(/^[A-Za-z0-9_-]{2,48}$/u, "must be 2 to 48 of A-Z a-z 0-9 _ -")
export const EnvKey = pattern(
  /^[A-Za-z_][A-Za-z0-9_]{0,254}$/u,
  "must be a letter or _ and then at most 254 of A-Z a-z 0-9 _",
)
export const Note = text(0, 255)
export const Description = text(0, 1024)
/** Names for people: of workspaces, projects, environments, vaults, principals, tokens. */
export const DisplayName = text(1, 64)
/** A host application's own name for whoever it vouches for. */
export const HostId = text(1, 255)
export const SecretType = Schema.Literals(["runtime", "build"])
export const DataType = Schema.Literals(["text", "json"])

const isRedactedString = (input: unknown): input is Redacted.Redacted<string> =>
  Redacted.isRedacted(input) && typeof Redacted.value(input) === "string"

/** Plain or already wrapped on the way in, wrapped from here on. */
const redacted = (rule: (value: string) => true | string) =>
  Schema.Unknown.check(
    Schema.makeFilter((input) => {
      const plain = Redacted.isRedacted(input) ? Redacted.value(input) : input
      return typeof plain === "string" ? rule(plain) : "must be a string"
    }),
  ).pipe(
    Schema.decodeTo(
      Schema.declare(isRedactedString),
      SchemaTransformation.transform<Redacted.Redacted<string>, unknown>({
        decode: (input) => (isRedactedString(input) ? input : redact(String(input))),
        encode: (value) => value,
      }),
    ),
  )
export const SecretText = redacted(textRule(0, 65_536))
export const NonEmptySecretText = redacted(textRule(1, 65_536))

const apiToken = /^ek_live_[A-Za-z0-9_-]{43}$/u
export const isApiToken = (value: string): boolean => apiToken.test(value)
export const ApiTokenText = redacted(
  (value) => isApiToken(value) || "must be ek_live_ and 43 characters of unpadded base64url",
)

const Permission = Schema.Literals(["use", "read", "read-write", "admin"])
const Scope = Schema.Union([
  Schema.Struct({ type: Schema.Literal("workspace") }),
  Schema.Struct({ type: Schema.Literal("project"), project: pattern(uuid, "must be a project id") }),
  Schema.Struct({
    type: Schema.Literal("environment"),
    project: pattern(uuid, "must be a project id"),
    environment: EnvironmentId,
  }),
  Schema.Struct({ type: Schema.Literal("vault"), vault: VaultId }),
])
const Grant = Schema.Struct({ scope: Scope, permission: Permission }).check(
  Schema.makeFilter(
    ({ scope, permission }) => permission !== "use" || scope.type === "vault" || "use can be granted on a vault only",
  ),
)
export const Grants = Schema.Array(Grant).check(
  Schema.makeFilter((grants) => grants.length <= 1000 || "must be at most 1000 grants"),
)

const standardIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const joinPath = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined): string =>
  (path ?? []).reduce<string>((joined, part) => {
    const key = typeof part === "object" ? part.key : part
    if (typeof key === "number") return `${joined}[${key}]`
    return joined === "" ? String(key) : `${joined}.${String(key)}`
  }, "")

/** Reads untrusted input; throws `INVALID_INPUT` as `<path>: <rule>`. Unknown extra fields are dropped. */
export const decodeInput = <A, I>(schema: Schema.Codec<A, I>): ((input: unknown) => A) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (input) => {
    const result = decode(input)
    if (result._tag === "Success") return result.success
    const issue = standardIssues(result.failure.issue).issues[0]
    throw invalidInput(joinPath(issue?.path), issue?.message ?? "is not valid")
  }
}

export const reveal = (value: Redacted.Redacted<string>): string => Redacted.value(value)
export const redact = (value: string): Redacted.Redacted<string> => Redacted.make(value, { label: "value" })
