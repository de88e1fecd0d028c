import { randomBytes } from "node:crypto"
import { localKeys, memoryStorage, openStrongroom, type Principal, type StorageAdapter } from "@strongroom/core"
import { type Work, watch } from "./watch.ts"

/** An engine with one workspace, project, environment and vault. */
export interface World {
  readonly storage: StorageAdapter
  readonly engine: Awaited<ReturnType<typeof openStrongroom>>
  readonly principal: Principal
  readonly project: string
  readonly environment: string
  readonly vault: string
}

export const textOf = (bytes: number): string => randomBytes(bytes).toString("base64").slice(0, bytes)

export const openEngine = (storage: StorageAdapter, auditReads = false) =>
  openStrongroom({
    storage,
    keys: localKeys([{ id: "bench", key: new Uint8Array(32).fill(7) }]),
    audit: { reads: auditReads },
    limits: { valuesPerRequest: 100_000 },
  })

export const openWorld = async (storage = memoryStorage(), auditReads = false): Promise<World> => {
  const engine = await openEngine(storage, auditReads)
  const { workspace } = await engine.workspaces.create({ slug: "bench", name: "Bench" })
  // As an embedding service asks: it has authenticated its user and vouches for the grants.
  const principal: Principal = {
    workspace: workspace.id,
    id: "host",
    grants: [{ scope: { type: "workspace" }, permission: "admin" }],
  }
  const project = (await engine.projects.create(principal, { slug: "bench", name: "Bench" })).id
  const environment = (await engine.environments.create(principal, { project, name: "production" })).id
  const vault = (await engine.vaults.create(principal, { name: "bench" })).id
  return { storage, engine, principal, project, environment, vault }
}

/** The same store through another engine, which leaves it open when it is closed. */
const beside = async (world: World, storage: StorageAdapter, auditReads: boolean): Promise<World> => ({
  ...world,
  engine: await openEngine({ ...storage, close: async () => {} }, auditReads),
})

export const audited = (world: World): Promise<World> => beside(world, world.storage, true)

/** What an operation does once an engine has its keys. It is done twice. */
export const workOf = async (world: World, operation: (world: World) => Promise<unknown>): Promise<Work> => {
  const { watched, during } = watch(world.storage)
  const counted = await beside(world, watched, false)
  await operation(counted)
  const work = await during(() => operation(counted))
  await counted.engine.close()
  return work
}

export const nameOf = (index: number): string => `S${index}`

/** One request with one secret in one environment for each name. */
export const create = ({ engine, principal, project, environment }: World, names: readonly string[], value: string) =>
  engine.secrets.create(principal, {
    project,
    environments: [environment],
    secrets: names.map((name) => ({ name, value, type: "runtime", dataType: "text" })),
  })

/** S0, S1, … up to this many, by requests of 1,000. */
export const fill = async (world: World, from: number, to: number, value: string): Promise<void> => {
  for (let done = from; done < to; done += 1_000) {
    const names = Array.from({ length: Math.min(1_000, to - done) }, (_, index) => nameOf(done + index))
    await create(world, names, value)
  }
}

export const read = ({ engine, principal, project, environment }: World, name: string) =>
  engine.secrets.get(principal, { project, environment, name })

export const list = ({ engine, principal, project, environment }: World) =>
  engine.secrets.list(principal, { project, environment })
