import { Redacted, Schema } from "effect"
import { invalidInput, StrongroomError } from "../domain/errors.ts"
import {
  DataType,
  decodeInput,
  EnvironmentId,
  Note,
  SecretName,
  SecretText,
  SecretType,
  SlugOrId,
} from "../domain/fields.ts"
import { type Grant, may } from "../domain/permission.ts"
import type { Address } from "../ports/storage.ts"
import type { BlindIndex } from "../records/blind-index.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { metadataVersion } from "../records/schemas.ts"
import type { ProjectMetadata } from "./locator.ts"
import { type PlannedWrite, put } from "./plan.ts"
import type { Decision } from "./sessions.ts"
import type { Snapshot } from "./snapshot.ts"

/** What a create request asks for, checked as far as it can be without looking at storage. */

const NonEmpty = <A>(rule: string) => Schema.makeFilter((items: readonly A[]) => items.length > 0 || rule)

const Request = Schema.Struct({
  workspace: Schema.optional(SlugOrId),
  project: SlugOrId,
  environments: Schema.Array(EnvironmentId).check(NonEmpty("must name at least one environment")),
  secrets: Schema.Array(
    Schema.Struct({
      name: SecretName,
      value: SecretText,
      type: SecretType,
      dataType: DataType,
      note: Schema.optional(Note),
    }),
  ).check(NonEmpty("must hold at least one secret")),
})

type Request = typeof Request.Type
type RequestedSecret = Request["secrets"][number]
type SecretMetadata = typeof schemas.Secret.Type

const decodeRequest = decodeInput(Request)

const refuseTwice = (list: readonly string[], pathOf: (index: number) => string): void => {
  const seen = new Set<string>()
  list.forEach((item, index) => {
    if (seen.has(item)) throw invalidInput(pathOf(index), `${item} is given twice`)
    seen.add(item)
  })
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Throws `INVALID_INPUT` or `LIMIT_EXCEEDED`. Environment ids come back in lower case. */
export const checkRequest = (input: unknown, valuesPerRequest: number): Request => {
  const request = decodeRequest(input)
  const environments = request.environments.map((id) => id.toLowerCase())
  refuseTwice(environments, (index) => `environments[${index}]`)
  refuseTwice(
    request.secrets.map(({ name }) => name),
    (index) => `secrets[${index}].name`,
  )
  const values = environments.length * request.secrets.length
  if (values > valuesPerRequest) {
    throw new StrongroomError(
      "LIMIT_EXCEEDED",
      `environments × secrets: ${values} values in one request, ${valuesPerRequest} are the limit`,
      { needed: values, limit: valuesPerRequest },
    )
  }
  request.secrets.forEach(({ dataType, value }, index) => {
    if (dataType === "json" && !isJson(Redacted.value(value)))
      throw invalidInput(`secrets[${index}].value`, "must be JSON")
  })
  return { ...request, environments }
}

const shared = ""

export const secretRef = (index: BlindIndex, project: string, name: string) =>
  layout.secret(project, index.leaf("secret", project, name))

export const sharedValueRef = (index: BlindIndex, environment: string, name: string) =>
  layout.secretValue(environment, index.leaf("value", environment, name, shared))

/** A requested secret and where its guard is: to read, to decide and to write, for the leaf costs a MAC. */
interface PlacedSecret {
  readonly secret: RequestedSecret
  readonly ref: ReturnType<typeof secretRef>
}

export const placeSecrets = (index: BlindIndex, project: string, { secrets }: Request): readonly PlacedSecret[] =>
  secrets.map((secret) => ({ secret, ref: secretRef(index, project, secret.name) }))

/** The records that a decision needs besides the authority's. Values only when a first commit met a conflict. */
export const createAddresses = (
  index: BlindIndex,
  project: string,
  environments: readonly string[],
  placed: readonly PlacedSecret[],
  withValues: boolean,
): readonly Address[] => [
  layout.project(project),
  ...environments.flatMap((id) => [layout.environment(id), layout.keyset(id)]),
  ...placed.map(({ ref }) => ref),
  ...(withValues
    ? environments.flatMap((id) => placed.map(({ secret }) => sharedValueRef(index, id, secret.name)))
    : []),
]

/** Throws `ENVIRONMENT_NOT_FOUND` for any that is absent, foreign or invisible, and then `FORBIDDEN`. */
const authorize = (
  snapshot: Snapshot,
  grants: readonly Grant[],
  project: string,
  environments: readonly string[],
): void => {
  for (const environment of environments) {
    const found = snapshot.get(layout.environment(environment))
    const visible = may(grants, "read", { type: "environment", project, environment })
    if (found?.project !== project || !visible) {
      throw new StrongroomError("ENVIRONMENT_NOT_FOUND", `environment ${environment} does not exist`, { environment })
    }
  }
  for (const environment of environments) {
    if (!may(grants, "read-write", { type: "environment", project, environment })) {
      throw new StrongroomError("FORBIDDEN", `read-write on environment ${environment} is needed`, { environment })
    }
  }
}

/**
 * A secret's guard, unless all environments that held its values are gone: then its name is free again. (The pointer of
 * the old id stays behind; it leads to a guard with another id, which counts as absent.)
 */
const livingGuard = (guard: SecretMetadata | undefined, project: ProjectMetadata): SecretMetadata | undefined => {
  const living = new Set(project.environments.map(({ id }) => id))
  const holders = guard?.holders.filter(({ environment }) => living.has(environment)) ?? []
  return guard === undefined || holders.length === 0 ? undefined : { ...guard, holders }
}

const differs = (guard: SecretMetadata, { type, dataType, note }: RequestedSecret): boolean =>
  guard.type !== type || guard.dataType !== dataType || (note !== undefined && guard.note !== note)

const refuseConflicts = (
  wanted: readonly { readonly secret: RequestedSecret; readonly guard: SecretMetadata | undefined }[],
  environments: readonly string[],
): void => {
  const holding = wanted.filter(({ guard }) =>
    guard?.holders.some(({ environment, owner }) => owner === shared && environments.includes(environment)),
  )
  if (holding.length > 0) {
    const names = holding.map(({ secret }) => secret.name)
    throw new StrongroomError("SECRET_EXISTS", `these secrets have a value there already: ${names.join(", ")}`, {
      names,
    })
  }
  const differing = wanted.filter(({ secret, guard }) => guard !== undefined && differs(guard, secret))
  if (differing.length > 0) {
    const names = differing.map(({ secret }) => secret.name)
    throw new StrongroomError(
      "SECRET_DIFFERS",
      `these secrets exist with another type, dataType or note: ${names.join(", ")}`,
      { names },
    )
  }
}

export interface CreateContext {
  readonly newId: () => string
  readonly index: BlindIndex
  readonly project: ProjectMetadata
  readonly grants: readonly Grant[]
  readonly now: number
  /** Whether the snapshot holds the value records too. */
  readonly withValues: boolean
}

/** Everything between the snapshot and the sealed records of a create. Throws what the caller gets. */
export const decideCreate = (
  snapshot: Snapshot,
  { newId, index, project, grants, now, withValues }: CreateContext,
  environments: readonly string[],
  placed: readonly PlacedSecret[],
): Decision<readonly { readonly id: string; readonly name: string }[]> => {
  authorize(snapshot, grants, project.id, environments)
  const wanted = placed.map((one) => {
    const guard = livingGuard(snapshot.get(one.ref), project)
    return { ...one, guard, id: guard?.id ?? newId() }
  })
  refuseConflicts(wanted, environments)

  const compartments = environments.map((id) => ({ id, keys: snapshot.keyset(id).keys }))
  const writes = wanted.flatMap(({ secret, ref, guard, id }): readonly PlannedWrite[] => {
    const { name, type, dataType } = secret
    const note = secret.note ?? guard?.note ?? ""
    const common = { v: metadataVersion, id, name, type, dataType, note } as const
    // The guard's times are the metadata's own: a value that is added elsewhere must not show in them.
    const { createdAt, updatedAt } = guard ?? { createdAt: now, updatedAt: now }
    const holders = [...(guard?.holders ?? []), ...environments.map((environment) => ({ environment, owner: shared }))]
    const pointer = { v: metadataVersion, id, project: project.id, name } as const
    return [
      put(ref, snapshot.revision(ref), { ...common, createdAt, updatedAt, project: project.id, holders }),
      ...(guard === undefined ? [put(layout.secretPointer(id), undefined, pointer)] : []),
      ...compartments.map(({ id: environment, keys }) => {
        const valueRef = sharedValueRef(index, environment, name)
        if (withValues && snapshot.revision(valueRef) !== undefined) {
          throw new StrongroomError(
            "INTEGRITY",
            `secret ${name} has a value in environment ${environment} that its metadata does not know`,
            { name, environment },
          )
        }
        const metadata = { ...common, createdAt: now, updatedAt: now, environment, owner: shared }
        return put(valueRef, undefined, metadata, { value: secret.value, keys })
      }),
    ]
  })
  const names = wanted.map(({ secret }) => secret.name)
  return {
    next: "done",
    writes,
    unchanged: environments.map((id) => {
      const { collection, leaf } = layout.keyset(id)
      return { collection, leaf, revision: snapshot.revision({ collection, leaf }) }
    }),
    audit: { action: "secret.create", subject: { project: project.id, environments, names } },
    result: wanted.map(({ secret, id }) => ({ id, name: secret.name })),
  }
}
