import type { StorageAdapter } from "@strongroom/core"
import { replay } from "../cipher-calls.ts"
import { audited, create, openWorld, read, textOf, workOf } from "../engine.ts"
import { interleave, type Pace } from "../interleave.ts"
import { atOnce, fresh, inTurn, writers } from "../load.ts"
import type { Comparison, Suite } from "../result.ts"

/** A server with our adapter on it, and with its plain driver beside. */
export interface Remote {
  /** Begins the ids of the comparisons. */
  readonly id: Suite
  readonly title: string
  readonly storage: StorageAdapter
  /** Writes records of these lengths below a name that is new, atomically. */
  readonly writer: (lengths: readonly number[]) => (name: string) => Promise<unknown>
  /** Gets so many records of a name. */
  readonly get: (name: string, count: number) => Promise<unknown>
}

export const ours = "Strongroom"
export const theirs = "the plain driver, the same records, and sealing"

export const batchOf = (size: number): string => `${size} in a request`

const oursAudited = "Strongroom, reads audited"
const stored = 500
const sizes = [1, 10, 100, 1_000]

/** Creates, reads and batches on a server, beside its plain driver. */
export const remoteSuite = async (remote: Remote, pace: Pace): Promise<readonly Comparison[]> => {
  const { id, title, storage } = remote
  const value = textOf(100)
  const world = await openWorld(storage)
  const auditing = await audited(world)
  try {
    const [name, rawName] = [fresh("S"), fresh("raw")]
    const ofCreate = await workOf(world, (counted) => create(counted, [name()], value))
    const ofRead = await workOf(world, (counted) => read(counted, "S0"))
    const [sealing, opening] = [replay(ofCreate.calls), replay(ofRead.calls)]
    const write = remote.writer(ofCreate.written.map(({ length }) => length))
    const names = Array.from({ length: stored }, (_, index) => `READ${index}`)
    await create(world, names, value)
    const writeRead = remote.writer(ofRead.got)
    for (const name of names) await writeRead(name)
    const [turn, auditedTurn, rawTurn] = [fresh(""), fresh(""), fresh("")]
    const readName = (next: () => string) => `READ${Number(next()) % stored}`
    const operations = {
      create: {
        [ours]: () => create(world, [name()], value),
        [theirs]: () => {
          sealing()
          return write(rawName())
        },
      },
      read: {
        [ours]: () => read(world, readName(turn)),
        [oursAudited]: () => read(auditing, readName(auditedTurn)),
        [theirs]: async () => {
          await remote.get(readName(rawTurn), ofRead.got.length)
          opening()
        },
      },
    }
    const comparisons: Comparison[] = []
    for (const kind of ["create", "read"] as const) {
      for (const [run, lanes, how] of [
        [inTurn, 1, "one after the other"],
        [atOnce, writers, `${writers} at a time`],
      ] as const) {
        const contestants = Object.entries(operations[kind]).map(([name, operation]) => ({
          name,
          run: (count: number) => run(count, operation),
        }))
        const measured = await interleave(contestants, pace)
        comparisons.push({ id: `${id}-${kind}-${lanes}`, title: `${title}, ${kind} one secret, ${how}`, measured })
      }
    }
    const batches = sizes.map((size) => ({
      name: batchOf(size),
      run: (count: number) => inTurn(count / size, () => create(world, Array.from({ length: size }, name), value)),
      each: size,
    }))
    const measured = await interleave(batches, pace)
    return [...comparisons, { id: `${id}-batch`, title: `${title}, creates by requests, per secret`, measured }]
  } finally {
    await auditing.engine.close()
    await world.engine.close()
  }
}

export const comparisonIn = (comparisons: readonly Comparison[], id: string): Comparison => {
  const found = comparisons.find((comparison) => comparison.id === id)
  if (found === undefined) throw new Error(`there is no comparison ${id}`)
  return found
}
