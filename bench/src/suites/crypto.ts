import { memoryStorage } from "@strongroom/core"
import { type CipherCall, replay } from "../cipher-calls.ts"
import { create, nameOf, openWorld, read, textOf, type World, workOf } from "../engine.ts"
import { type Contestant, interleave, type Pace } from "../interleave.ts"
import { fresh } from "../load.ts"
import { type Comparison, type Goal, goal, type Includes, type SuiteResult, sum } from "../result.ts"
import { type Rival, rivals } from "../rivals.ts"

const sizes = [
  { bytes: 100, label: "100 B" },
  { bytes: 1024, label: "1 KiB" },
  { bytes: 65_536, label: "64 KiB" },
]

const strongroom = "Strongroom on memory"
const audited = "Strongroom on memory, reads audited"
const floor = "its own seals and opens"

const engine: Includes = {
  envelope: "yes",
  binding: "yes",
  commitment: "yes",
  atomicity: "yes",
  audit: "of creates",
  permissions: "yes",
}
const nothing: Includes = {
  envelope: "no",
  binding: "as many bytes",
  commitment: "no",
  atomicity: "no",
  audit: "no",
  permissions: "no",
}

/** Memory storage keeps all that is created: a world is left behind before collecting its garbage is what is measured. */
const bytesPerWorld = 16 << 20
const secretsPerWorld = 5_000

const creating = (name: string, value: string): Contestant => {
  let world: World | undefined
  let created = 0
  return {
    name,
    async run(operations) {
      for (let count = 0; count < operations; count++) {
        if (world === undefined || created * value.length > bytesPerWorld || created > secretsPerWorld) {
          await world?.engine.close()
          world = await openWorld()
          created = 0
        }
        await create(world, [nameOf(created++)], value)
      }
    },
  }
}

const stored = 1_000

const reading = async (name: string, value: string, auditReads: boolean): Promise<Contestant> => {
  const world = await openWorld(memoryStorage(), auditReads)
  // One by one: 1,000 values of 64 KiB are more than one request may have.
  for (let index = 0; index < stored; index++) await create(world, [nameOf(index)], value)
  let next = 0
  return {
    name,
    async run(operations) {
      for (let count = 0; count < operations; count++) await read(world, nameOf(next++ % stored))
    },
  }
}

const sealing = ({ name, seal }: Rival, value: string): Contestant => ({
  name,
  async run(operations) {
    for (let count = 0; count < operations; count++) await seal(value)
  },
})

const opening = async ({ name, seal, open }: Rival, value: string): Promise<Contestant> => {
  const sealed = (await seal(value)) as never
  return {
    name,
    async run(operations) {
      for (let count = 0; count < operations; count++) await open(sealed)
    },
  }
}

const replaying = (calls: readonly CipherCall[]): Contestant => {
  const once = replay(calls)
  return {
    name: floor,
    run(operations) {
      for (let count = 0; count < operations; count++) once()
    },
  }
}

/** Creating and reading one secret in process, beside what only encrypts. */
export const cryptoSuite = async (pace: Pace): Promise<SuiteResult> => {
  const others = await rivals()
  const comparisons: Comparison[] = []
  const goals: Goal[] = []
  for (const { bytes, label } of sizes) {
    const value = textOf(bytes)
    const world = await openWorld()
    const name = fresh("COUNTED")
    const { calls: ofCreate } = await workOf(world, (counted) => create(counted, [name()], value))
    const { calls: ofRead } = await workOf(world, (counted) => read(counted, "COUNTED0"))
    await world.engine.close()

    const createRows = await interleave(
      [creating(strongroom, value), replaying(ofCreate), ...others.map((rival) => sealing(rival, value))],
      pace,
    )
    const readRows = await interleave(
      [
        await reading(strongroom, value, false),
        replaying(ofRead),
        await reading(audited, value, true),
        ...(await Promise.all(others.map((rival) => opening(rival, value)))),
      ],
      pace,
    )
    const creates = { id: `create-${bytes}`, title: `Create one secret of ${label}, in process`, measured: createRows }
    const reads = { id: `read-${bytes}`, title: `Read one secret of ${label}, in process`, measured: readRows }
    const both = {
      id: `create-read-${bytes}`,
      title: `Create and read one secret of ${label}, in process`,
      measured: createRows.flatMap((row) => {
        const read = readRows.find(({ name }) => name === row.name)
        return read === undefined ? [] : [sum(row.name, row, read)]
      }),
    }
    comparisons.push(creates, reads, both)
    if (bytes < 65_536) {
      goals.push(
        goal(`create on memory, ${label}, against its own raw crypto`, "time", 2.5, creates, strongroom, floor),
        goal(`read on memory, ${label}, against its own raw crypto`, "time", 2, reads, strongroom, floor),
      )
    }
    if (bytes === 100) {
      const aws = "@aws-crypto/client-node, raw AES keyring"
      goals.push(goal(`create + read, ${label}, against @aws-crypto/client-node`, "speed", 10, both, strongroom, aws))
    }
    const aim = bytes === 100 ? 0.5 : 1
    goals.push(goal(`create + read, ${label}, against @47ng/cloak`, "speed", aim, both, strongroom, "@47ng/cloak"))
  }
  const includes = {
    [strongroom]: engine,
    [audited]: { ...engine, audit: "of creates and reads" },
    [floor]: nothing,
    ...Object.fromEntries(others.map((rival) => [rival.name, rival.includes])),
  }
  return { comparisons, goals, includes }
}
