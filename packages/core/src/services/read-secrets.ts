import { StrongroomError } from "../domain/errors.ts"
import type { Secret, SecretValue } from "../domain/model.ts"
import { type Grant, may } from "../domain/permission.ts"
import type { Address } from "../ports/storage.ts"
import type { BlindIndex } from "../records/blind-index.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { sharedValueRef } from "./create-secrets.ts"
import type { ProjectMetadata } from "./locator.ts"
import type { Snapshot } from "./snapshot.ts"

type SecretMetadata = typeof schemas.Secret.Type

const notFound = (environment: string): StrongroomError =>
  new StrongroomError("ENVIRONMENT_NOT_FOUND", `environment ${environment} does not exist`, { environment })

/**
 * The environments whose values a read gives: the one it names, or all that the principal may read. Throws
 * `ENVIRONMENT_NOT_FOUND` for a named one that is absent, foreign or unreadable.
 */
export const readableEnvironments = (
  project: ProjectMetadata,
  grants: readonly Grant[],
  named: string | undefined,
): readonly string[] => {
  const readable = project.environments
    .map(({ id }) => id)
    .filter((environment) => may(grants, "read", { type: "environment", project: project.id, environment }))
  if (named === undefined) return readable
  const wanted = named.toLowerCase()
  if (!readable.includes(wanted)) throw notFound(named)
  return [wanted]
}

/** Where a shared value is. Made once for an operation: its leaf costs a MAC. */
export interface ValuePlace {
  readonly environment: string
  readonly ref: ReturnType<typeof sharedValueRef>
}

export const valuePlaces = (index: BlindIndex, name: string, environments: readonly string[]): readonly ValuePlace[] =>
  environments.map((environment) => ({ environment, ref: sharedValueRef(index, environment, name) }))

/** Whether the environment holds a shared value of the secret. */
export const holds = (guard: SecretMetadata, id: string): boolean =>
  guard.holders.some(({ environment, owner }) => environment === id && owner === "")

/**
 * A secret with its values at these places, which its guard lists. `undefined` when guard and values do not belong
 * together: in one snapshot that is damage, in two it may be a change between them. Its times are those of the
 * values given, so that they tell nothing about environments that are not.
 */
export const secretOf = (
  snapshot: Snapshot,
  guard: SecretMetadata,
  places: readonly ValuePlace[],
): Secret | undefined => {
  const values: SecretValue[] = []
  let createdAt = Number.POSITIVE_INFINITY
  let updatedAt = guard.updatedAt
  for (const { environment, ref } of places) {
    const stored = snapshot.text(ref, snapshot.keyset(environment).keys)
    if (stored?.metadata.id !== guard.id) return undefined
    values.push({ environment, value: stored.value, personal: false })
    createdAt = Math.min(createdAt, stored.metadata.createdAt)
    updatedAt = Math.max(updatedAt, stored.metadata.updatedAt)
  }
  const { id, name, note, type, dataType } = guard
  return { id, name, note, type, dataType, values, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) }
}

export const damaged = (guard: SecretMetadata): StrongroomError =>
  new StrongroomError("INTEGRITY", `secret ${guard.name} (${guard.id}) lacks a value that its metadata lists`, {
    name: guard.name,
  })

export const keysetAddresses = (environments: readonly string[]): readonly Address[] =>
  environments.map((id) => layout.keyset(id))
