import { isStrongroomError, type StrongroomError } from "../../../src/domain/errors.ts"
import type { Strongroom } from "../../../src/strongroom.ts"
import { openDatabase, type Stored } from "./database.ts"
import { type Acts, makeWorld, openEngine, readsOf, type World, writesOf } from "./world.ts"

/** What came of one call. */
export type Outcome = { readonly answer: string } | { readonly error: StrongroomError } | { readonly untyped: unknown }
export type Outcomes = Readonly<Record<string, Outcome>>

const outcomeOf = async (act: () => Promise<unknown>): Promise<Outcome> => {
  try {
    return { answer: JSON.stringify(await act()) ?? "nothing" }
  } catch (error) {
    return isStrongroomError(error) ? { error } : { untyped: error }
  }
}

export const outcomesOf = async (acts: Acts): Promise<Outcomes> => {
  const outcomes: Record<string, Outcome> = {}
  for (const [name, act] of Object.entries(acts)) outcomes[name] = await outcomeOf(act)
  return outcomes
}

const allActs = (strongroom: Strongroom, world: World): Acts => ({
  ...readsOf(strongroom, world),
  ...writesOf(strongroom, world),
})

/**
 * All reads and then all writes (or only those that are named), by an engine that has never seen the store. Where it
 * does not open, that is what came of every one of them.
 */
export const actOn = async (
  world: World,
  records: readonly Stored[],
  only: (name: string) => boolean = () => true,
): Promise<Outcomes> => {
  const database = await openDatabase(records)
  const choose = (acts: Acts): Acts => Object.fromEntries(Object.entries(acts).filter(([name]) => only(name)))
  const opened = await outcomeOrEngine(() => openEngine(database.storage))
  if ("engine" in opened) {
    await using strongroom = opened.engine
    return await outcomesOf(choose(allActs(strongroom, world)))
  }
  await using other = await openEngine((await openDatabase()).storage)
  return Object.fromEntries(Object.keys(choose(allActs(other, world))).map((name) => [name, opened]))
}

/** A world and what every call answers as long as nobody has tampered with it. */
export const healthyWorld = async () => {
  const world = await makeWorld()
  const before = await actOn(world, world.records)
  for (const [name, outcome] of Object.entries(before)) {
    if (!("answer" in outcome)) throw new Error(`${name} fails in an untouched store: ${told(outcome)}`)
  }
  return { world, before }
}

const outcomeOrEngine = async <E>(open: () => Promise<E>): Promise<{ readonly engine: E } | Outcome> => {
  try {
    return { engine: await open() }
  } catch (error) {
    return isStrongroomError(error) ? { error } : { untyped: error }
  }
}

const integrityCodes = new Set<string>([
  "INTEGRITY",
  "KEYSET_MISSING",
  "KEYSET_ROLLED_BACK",
  "FORMAT_UNSUPPORTED",
  "ROOT_KEY_UNKNOWN",
])

export const isDetection = (outcome: Outcome | undefined): boolean =>
  outcome !== undefined && "error" in outcome && integrityCodes.has(outcome.error.code)

const told = (outcome: Outcome | undefined): string => {
  if (outcome === undefined) return "nothing"
  if ("answer" in outcome) return outcome.answer
  return "error" in outcome ? `${outcome.error.code}: ${outcome.error.message}` : `untyped: ${String(outcome.untyped)}`
}

/**
 * What is wrong after these records were tampered with: every call must answer as before or fail with an integrity error
 * that names one of them. `detected` counts those that failed.
 */
export const judge = (before: Outcomes, after: Outcomes, tampered: readonly string[]) => {
  let detected = 0
  const wrong: string[] = []
  for (const [name, expected] of Object.entries(before)) {
    const outcome = after[name]
    if (told(outcome) === told(expected)) continue
    if (outcome !== undefined && "error" in outcome && isDetection(outcome)) {
      detected++
      if (
        tampered.some((record) => outcome.error.details["record"] === record && outcome.error.message.includes(record))
      )
        continue
    }
    wrong.push(`${name}: ${told(outcome)}`)
  }
  return { detected, wrong }
}
