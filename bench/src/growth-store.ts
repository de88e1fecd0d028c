/**
 * One workspace of the growth comparison in a process of its own: `node growth-store.ts <path> <secrets>`. Does what it is
 * told, so many times, and answers when it is done.
 */
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { create, nameOf, openEngine, openWorld, read, textOf, type World } from "./engine.ts"
import { atOnce, fresh, inTurn, warmUpCreates } from "./load.ts"

/** What opening the store needs to know of it, and how many entries its audit log has. */
export interface Place extends Omit<World, "engine" | "storage"> {
  readonly entries: number
}

export interface Order {
  readonly operation: "create" | "read" | "page" | "heap"
  readonly count: number
}

/** Each request is an entry of the audit log, which so grows as the workspace does. */
const perRequest = 10

// Before the store is made, which takes long.
process.on("disconnect", () => process.exit())

const [path = "", size = ""] = process.argv.slice(2)
const secrets = Number(size)
const value = textOf(100)

/** Creates are measured few at a time, lest the stores grow: they are warmed up elsewhere. */
const elsewhere = await openWorld(lmdbStorage({ path: `${path}-warm-up` }))
const warmUp = fresh("WARM")
await atOnce(warmUpCreates, () => create(elsewhere, [warmUp()], value))
await elsewhere.engine.close()

const made = await openWorld(lmdbStorage({ path }))
const next = fresh("")
await atOnce(secrets / perRequest, () => {
  const first = Number(next()) * perRequest
  const names = Array.from({ length: perRequest }, (_, index) => nameOf(first + index))
  return create(made, names, value)
})

const entriesIn = async ({ engine, principal }: World): Promise<number> => {
  let [count, after]: [number, string | undefined] = [0, undefined]
  do {
    const page = await engine.audit.list(principal, { limit: 1_000, ...(after !== undefined && { after }) })
    count += page.entries.length
    after = page.next
  } while (after !== undefined)
  return count
}
const entries = await entriesIn(made)
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
const { principal, project, environment, vault } = world
process.send?.({ principal, project, environment, vault, entries } satisfies Place)
