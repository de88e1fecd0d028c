/**
 * 64 writers of one process on one workspace, through the engine; to be run with --expose-gc. Tells as JSON what they
 * were told, what is there, and how much heap is in use after a collection at two moments.
 */
import { setTimeout as delay } from "node:timers/promises"
import { redisStorage } from "@strongroom/adapter-redis"
import { isStrongroomError, localKeys, openStrongroom, reveal } from "@strongroom/core"

export interface Report {
  /** Codes and messages of what failed, the first few. */
  readonly errors: readonly string[]
  readonly created: number
  readonly contests: number
  /** Writers that were told `SECRET_EXISTS`. */
  readonly lost: number
  /** Values that are there, and those among them that are not what their name says. */
  readonly found: number
  readonly wrong: number
  /** Bytes of heap in use. */
  readonly heapEarly: number
  readonly heapLate: number
}

const [url = "", prefix = ""] = process.argv.slice(2)
const [groups, members, environmentCount] = [8, 8, 4]
const [earlyAt, lateAt] = [5_000, 20_000]

const storage = await redisStorage({ url, prefix })
const strongroom = await openStrongroom({
  storage,
  keys: localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }]),
})
const { owner } = await strongroom.workspaces.create({ slug: "ws_writers", name: "Writers" })
const project = (await strongroom.projects.create(owner, { slug: "prj_writers", name: "Writers" })).id
const environments: string[] = []
for (let i = 0; i < environmentCount; i++) {
  environments.push((await strongroom.environments.create(owner, { project, name: `${i}` })).id)
}

let [created, contests, lost, stopped] = [0, 0, 0, false]
const errors: string[] = []

const create = async (name: string, member: number): Promise<void> => {
  try {
    await strongroom.secrets.create(owner, {
      project,
      environments: environments.slice(member % environmentCount, (member % environmentCount) + 1),
      secrets: [{ name, value: `value of ${name}`, type: "runtime", dataType: "text" }],
    })
    created++
  } catch (error) {
    if (isStrongroomError(error) && error.code === "SECRET_EXISTS") lost++
    else if (errors.length < 10) errors.push(`${name}: ${error}`)
    else stopped = true
  }
}

/** Writers that each make a secret of their own; every tenth time all want the same one, two in each environment. */
const group = async (id: number): Promise<void> => {
  for (let n = 0; !stopped; n++) {
    const contested = n % 10 === 0
    if (contested) contests++
    await Promise.all(
      Array.from({ length: members }, (_, member) =>
        create(contested ? `G${id}_${n}` : `W${id}_${member}_${n}`, member),
      ),
    )
  }
}

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const running = Promise.all(Array.from({ length: groups }, (_, id) => group(id)))
await delay(earlyAt)
const heapEarly = heap()
await delay(lateAt - earlyAt)
const heapLate = heap()
stopped = true
await running

let [found, wrong] = [0, 0]
for (const environment of environments) {
  for (const { name, values } of await strongroom.secrets.list(owner, { project, environment })) {
    found += values.length
    wrong += values.filter(({ value }) => reveal(value) !== `value of ${name}`).length
  }
}
await strongroom.close()
const report: Report = { errors, created, contests, lost, found, wrong, heapEarly, heapLate }
console.log(JSON.stringify(report))
