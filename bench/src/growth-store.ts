/**
 * One workspace of the growth comparison in a process of its own: `node growth-store.ts <path> <secrets>`. Does what it is
 * told, so many times, and answers when it is done.
 */
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { create, fill, nameOf, openEngine, openWorld, read, textOf, type World } from "./engine.ts"
import { fresh, inTurn } from "./load.ts"

/** What opening the store needs to know of it. */
export type Place = Omit<World, "engine" | "storage">

export interface Order {
  readonly operation: "create" | "read" | "page" | "heap"
  readonly count: number
}

/** The first page of the audit log has the same entries at every size: those of the single creates. */
const single = 110

const [path = "", size = ""] = process.argv.slice(2)
const secrets = Number(size)
const value = textOf(100)

const made = await openWorld(lmdbStorage({ path }))
for (let index = 0; index < single; index++) await create(made, [nameOf(index)], value)
await fill(made, single, secrets, value)
await made.engine.close()

// Another engine, as of a service that was started again: it has nothing left over from making the store.
const storage = lmdbStorage({ path })
const world: World = { ...made, storage, engine: await openEngine(storage) }
const extra = fresh("EXTRA")

const operations = {
  create: () => create(world, [extra()], value),
  read: () => read(world, nameOf(Math.floor(Math.random() * secrets))),
  page: async () => {
    const { entries } = await world.engine.audit.list(world.principal, { limit: 100 })
    if (entries.length !== 100) throw new Error(`a page of ${entries.length}`)
  },
}

const heapMiB = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

process.on("message", async ({ operation, count }: Order) => {
  if (operation === "heap") return process.send?.(heapMiB())
  await inTurn(count, operations[operation])
  process.send?.("done")
})
process.on("disconnect", () => process.exit())

const { principal, project, environment, vault } = world
process.send?.({ principal, project, environment, vault } satisfies Place)
