/**
 * 64 writers of one process in one environment, through the engine. Tells as JSON what they were told and what is there.
 * Further processes join the first: it makes the workspace, they are given its ids.
 */
import { once } from "node:events"
import { mongoStorage } from "@strongroom/adapter-mongo"
import { isStrongroomError, localKeys, openStrongroom, reveal } from "@strongroom/core"

/** Where the writers write. */
export interface Place {
  readonly workspace: string
  readonly owner: string
  readonly project: string
  readonly environment: string
}

export interface Report {
  /** Codes and messages of what failed, the first few. */
  readonly errors: readonly string[]
  /** How many each writer has created. */
  readonly created: readonly number[]
  /** How often all writers of this process wanted the same name. */
  readonly contests: number
  /** Writers that were told `SECRET_EXISTS`. */
  readonly lost: number
  /** Values that are there when all processes have ended, and those among them that are not what their name says. */
  readonly found: number
  readonly wrong: number
}

const [uri = "", database = "", name = "", rounds = ""] = process.argv.slice(2)
const writers = 64

const strongroom = await openStrongroom({
  storage: await mongoStorage({ uri, database }),
  keys: localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }]),
})

const makePlace = async (): Promise<Place> => {
  const { owner } = await strongroom.workspaces.create({ slug: "ws_writers", name: "Writers" })
  const project = (await strongroom.projects.create(owner, { slug: "prj_writers", name: "Writers" })).id
  const environment = (await strongroom.environments.create(owner, { project, name: "one" })).id
  return { workspace: owner.workspace, owner: owner.id, project, environment }
}

const isPlace = (message: unknown): message is Place => typeof message === "object" && message !== null

const [given]: unknown[] = await once(process, "message")
const place = isPlace(given) && "environment" in given ? given : await makePlace()
process.send?.({ place })
const owner = { workspace: place.workspace, id: place.owner }
const { project, environment } = place

let [contests, lost] = [0, 0]
const created = Array.from({ length: writers }, () => 0)
const errors: string[] = []

const create = async (secret: string, writer: number): Promise<void> => {
  try {
    await strongroom.secrets.create(owner, {
      project,
      environments: [environment],
      secrets: [{ name: secret, value: `value of ${secret}`, type: "runtime", dataType: "text" }],
    })
    created[writer] = (created[writer] ?? 0) + 1
  } catch (error) {
    if (isStrongroomError(error) && error.code === "SECRET_EXISTS") lost++
    else errors.push(`${secret}: ${error}`)
  }
}

for (let n = 0; n < Number(rounds) && errors.length < 10; n++) {
  const contested = n % 3 === 2
  if (contested) contests++
  await Promise.all(created.map((_, writer) => create(contested ? `${name}_${n}` : `${name}_${writer}_${n}`, writer)))
}

process.send?.({ written: true })
await once(process, "message")
let [found, wrong] = [0, 0]
for (const { name: secret, values } of await strongroom.secrets.list(owner, { project, environment })) {
  found += values.length
  wrong += values.filter(({ value }) => reveal(value) !== `value of ${secret}`).length
}
await strongroom.close()
const report: Report = { errors, created, contests, lost, found, wrong }
process.send?.({ report })
process.disconnect()
