import { reveal } from "../../src/domain/fields.ts"
import type { NewSecret, Secret } from "../../src/domain/model.ts"
import type { Principal } from "../../src/domain/permission.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import type { Backend, TestStore } from "./backend.ts"
import { type Census, census } from "./census.ts"
import { type FakeClock, fakeClock } from "./clock.ts"
import { openEngine } from "./engine.ts"

/** A store with one workspace and one project, and an engine on it. */
export interface World {
  readonly store: TestStore
  readonly clock: FakeClock
  readonly census: Census
  /** Unhindered, for making things and for looking at what came of them. */
  readonly engine: Strongroom
  readonly owner: Principal
  readonly workspace: string
  readonly project: string
  /** Ids of the project's environments. */
  readonly environments: readonly string[]
  /** Another client of the store, for another engine. */
  readonly client: () => StorageAdapter
}

export const projectSlug = "prj_example"

export const makeWorld = async (backend: Backend, environmentCount: number): Promise<World> => {
  const store = backend.make()
  const clock = fakeClock()
  const counted = census(store.open())
  const engine = await openEngine(counted.observe(store.open()), clock)
  const { workspace, owner } = await engine.workspaces.create({ slug: "ws_example", name: "Example" })
  const { id: project } = await engine.projects.create(owner, { slug: projectSlug, name: "Example" })
  const environments: string[] = []
  for (let i = 0; i < environmentCount; i++) {
    environments.push((await engine.environments.create(owner, { project, name: `environment ${i}` })).id)
  }
  const client = () => counted.observe(store.open())
  return { store, clock, census: counted, engine, owner, workspace: workspace.id, project, environments, client }
}

/** Makes a world, uses it and takes it down. */
export const inWorld = async (
  backend: Backend,
  environmentCount: number,
  use: (world: World) => Promise<void>,
): Promise<void> => {
  const world = await makeWorld(backend, environmentCount)
  try {
    await use(world)
  } finally {
    await world.store.dispose()
  }
}

export const text = (name: string, value: string): NewSecret => ({ name, value, type: "runtime", dataType: "text" })

/** All values of a project that the principal may read, by `environment/name`. */
export const valuesOf = async (
  engine: Strongroom,
  principal: Principal,
  project: string = projectSlug,
): Promise<Record<string, string>> => valuesIn(await engine.secrets.list(principal, { project }))

export const valuesIn = (secrets: readonly Secret[]): Record<string, string> =>
  Object.fromEntries(
    secrets.flatMap(({ name, values }) =>
      values.map(({ environment, value }) => [`${environment}/${name}`, reveal(value)] as const),
    ),
  )
