import { Effect } from "effect"
import type { EngineError } from "../domain/errors.ts"
import { layout } from "../records/layout.ts"
import { attempt } from "./attempt.ts"
import { sharedValueRef } from "./create-secrets.ts"
import { type PlannedWrite, put, remove } from "./plan.ts"
import type { Session } from "./sessions.ts"

/** Guards that one commit of a sweep deals with; each may take three writes. */
const batch = 200

/**
 * Takes a removed environment out of the secrets that had values in it, and deletes those values. Nothing depends on
 * it: without their keyset the values are unreadable, and a guard's holders count only while their environment exists.
 */
export const sweepEnvironment = (
  session: Session,
  project: string,
  environment: string,
): Effect.Effect<void, EngineError> =>
  Effect.gen(function* () {
    const { keys, page, read, transact } = session
    const projectRef = layout.project(project)
    let after: string | undefined
    do {
      const { snapshot: found, leaves, next } = yield* page(`secret.${project}`, after, batch)
      const affected = yield* attempt(() =>
        leaves.flatMap((leaf) => {
          const ref = layout.secret(project, leaf)
          const guard = found.get(ref)
          if (!guard?.holders.some((holder) => holder.environment === environment)) return []
          return [
            {
              ref,
              pointer: layout.secretPointer(guard.id),
              value: sharedValueRef(keys.index, environment, guard.name),
            },
          ]
        }),
      )
      if (affected.length > 0) {
        yield* transact(
          () => read([projectRef, ...affected.flatMap(({ ref, pointer, value }) => [ref, pointer, value])]),
          (snapshot) => {
            const living = new Set(snapshot.get(projectRef)?.environments.map(({ id }) => id))
            const writes = affected.flatMap(({ ref, pointer, value }): readonly PlannedWrite[] => {
              const guard = snapshot.get(ref)
              const holders = guard?.holders.filter((holder) => living.has(holder.environment)) ?? []
              const gone = [remove(value, snapshot.revision(value))]
              if (guard === undefined) return gone
              if (holders.length > 0) return [...gone, put(ref, snapshot.revision(ref), { ...guard, holders })]
              return [...gone, remove(ref, snapshot.revision(ref)), remove(pointer, snapshot.revision(pointer))]
            })
            const audit = { action: "environment.sweep", subject: { project, environment } }
            return { next: "done", writes, audit, result: undefined }
          },
        )
      }
      after = next
    } while (after !== undefined)
  })
