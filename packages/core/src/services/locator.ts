import { Context, Effect, Layer } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import { isUuid } from "../domain/fields.ts"
import { type Grant, sees } from "../domain/permission.ts"
import { LruMap } from "../lru-map.ts"
import { layout } from "../records/layout.ts"
import type * as schemas from "../records/schemas.ts"
import { attempt } from "./attempt.ts"
import { authorityOf, grantsOf } from "./authority.ts"
import type { Session } from "./sessions.ts"
import type { Snapshot } from "./snapshot.ts"

const hintsKept = 10_000

/** A project as a request names it. */
export interface ProjectName {
  /** Slug or id; absent: the principal's. */
  readonly workspace?: string | undefined
  /** Slug or id. */
  readonly project: string
}

/** A project's id, which still has to be held against the request's own snapshot. */
export interface Located {
  readonly id: string
  readonly named: string
}

export type ProjectMetadata = typeof schemas.Project.Type

const projectNotFound = (project: string): StrongroomError =>
  new StrongroomError("PROJECT_NOT_FOUND", `project ${project} does not exist`, { project })

/** The project in the request's snapshot; throws `PROJECT_NOT_FOUND` when it is absent or invisible. */
export const projectIn = (snapshot: Snapshot, { id, named }: Located, grants: readonly Grant[]): ProjectMetadata => {
  const project = snapshot.get(layout.project(id))
  const matches = project !== undefined && (isUuid(named) || project.slug === named)
  if (!matches || !sees(grants, { type: "project", project: id })) throw projectNotFound(named)
  return project
}

/** Finds ids for slugs. What it remembers is a hint, which spares a read and decides nothing. */
export class Locator extends Context.Service<
  Locator,
  {
    /** Fails with `UNAUTHENTICATED`, `WORKSPACE_NOT_FOUND` or `PROJECT_NOT_FOUND`, in this order. */
    readonly locate: (session: Session, name: ProjectName) => Effect.Effect<Located, EngineError>
  }
>()("@strongroom/core/Locator") {
  static readonly layer = Layer.sync(Locator, () => {
    const projects = new LruMap<string>(hintsKept)
    /** Workspace slugs never change. */
    const workspaces = new LruMap<string>(hintsKept)

    return {
      locate: (session, { workspace, project }) => {
        const { principal, partition, keys } = session
        const hint = `${partition}/${project}`
        const knownId = isUuid(project) ? project.toLowerCase() : projects.get(hint)
        const isHere = (): boolean =>
          workspace === undefined || workspace.toLowerCase() === partition || workspaces.get(partition) === workspace
        if (knownId !== undefined && isHere()) return Effect.succeed({ id: knownId, named: project })

        const info = layout.workspaceInfo()
        const slug = layout.slug(keys.index.leaf("project-slug", project))
        return Effect.flatMap(session.read([...authorityOf(principal), info, slug]), (snapshot) =>
          attempt(() => {
            grantsOf(principal, snapshot, session.now)
            const own = snapshot.get(info)
            if (own !== undefined) workspaces.set(partition, own.slug)
            if (!isHere()) throw new StrongroomError("WORKSPACE_NOT_FOUND", `workspace ${workspace} does not exist`)
            const id = knownId ?? snapshot.get(slug)?.project
            if (id === undefined) throw projectNotFound(project)
            projects.set(hint, id)
            return { id, named: project }
          }),
        )
      },
    }
  })
}
