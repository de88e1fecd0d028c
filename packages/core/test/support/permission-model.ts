import type { Grant, Permission, Scope } from "../../src/domain/permission.ts"

/**
 * Who may do what, a second time and from the words of the design alone: a grant covers what is below its scope, the
 * default is no, and a token may do what both it and its maker may. Shares no code with the engine.
 */
export interface Rights {
  /** Each list must allow a thing: the principal's grants, and a token's own where there is one. */
  readonly lists: readonly (readonly Grant[])[]
}

export const levels = { none: 0, use: 1, read: 2, "read-write": 3, admin: 4 } as const satisfies Record<
  Permission | "none",
  number
>

/** A thing, as the path from the workspace down to it. */
type Path = readonly string[]

const root: Path = ["workspace"]
export const projectPath = (project: string): Path => [...root, `project ${project}`]
export const environmentPath = (project: string, environment: string): Path => [
  ...projectPath(project),
  `environment ${environment}`,
]
export const vaultPath = (vault: string): Path => [...root, `vault ${vault}`]

const pathOf = (scope: Scope): Path => {
  if (scope.type === "workspace") return root
  if (scope.type === "project") return projectPath(scope.project)
  if (scope.type === "environment") return environmentPath(scope.project, scope.environment)
  return vaultPath(scope.vault)
}

const isPrefix = (path: Path, of: Path): boolean => path.every((part, index) => of[index] === part)

/** The highest permission that holds for a thing. */
export const levelAt = ({ lists }: Rights, path: Path): number =>
  Math.min(
    ...lists.map((grants) =>
      Math.max(
        levels.none,
        ...grants.filter(({ scope }) => isPrefix(pathOf(scope), path)).map(({ permission }) => levels[permission]),
      ),
    ),
  )

/** Whether a project is visible: because of a grant that covers it, or as the ancestor of something that one covers. */
export const seesProject = (rights: Rights, project: string): boolean => {
  const mentioned = rights.lists.flat().map(({ scope }) => pathOf(scope))
  const below = mentioned.filter((path) => isPrefix(projectPath(project), path))
  return [projectPath(project), ...below].some((path) => levelAt(rights, path) > levels.none)
}
