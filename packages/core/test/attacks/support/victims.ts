import { nameOf } from "../../../src/records/sealed-record.ts"
import type { Stored } from "./database.ts"
import { withBytes, withChanges } from "./tampering.ts"
import { actOn, isDetection, judge, type Outcomes } from "./verdict.ts"
import { byKind, type World } from "./world.ts"

/** A record of one kind and the calls that open it. */
export interface Victim {
  readonly kind: string
  readonly stored: Stored
  readonly openedBy: readonly string[]
}

/** What is written for later and opened by nothing yet: receipts, and the ways from an id to its secret. */
const neverOpened = ["dir/receipt", "store/receipt", "workspace/secret-id"]

/** One record of every kind that some call opens, found out by flipping a bit of it. */
export const findVictims = async (world: World, before: Outcomes): Promise<readonly Victim[]> => {
  const victims: Victim[] = []
  for (const [kind, [stored]] of byKind(world)) {
    if (stored === undefined) continue
    const { bytes } = stored.record
    const flipped = withBytes(stored, bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1))
    const after = await actOn(world, withChanges(world.records, [flipped]))
    const { wrong } = judge(before, after, [nameOf(stored)])
    if (wrong.length > 0) throw new Error(`a flipped bit of ${nameOf(stored)}: ${wrong.join("; ")}`)
    victims.push({ kind, stored, openedBy: Object.keys(after).filter((name) => isDetection(after[name])) })
  }
  const untouched = victims.filter(({ openedBy }) => openedBy.length === 0).map(({ kind }) => kind)
  if (untouched.sort().join() !== neverOpened.join()) throw new Error(`opened by no call: ${untouched.join()}`)
  return victims.filter(({ openedBy }) => openedBy.length > 0)
}
