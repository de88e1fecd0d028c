import { cipher } from "../../../src/crypto/xchacha.ts"
import { fromUtf8 } from "../../../src/domain/text.ts"
import { decodeMetadata, layout } from "../../../src/records/layout.ts"
import { nameOf, openRecord } from "../../../src/records/sealed-record.ts"
import { chainLink } from "../../../src/services/audit-chain.ts"
import type { Stored } from "./database.ts"
import { placeOf, workspaceKeysOf } from "./insider.ts"

/**
 * Opens a workspace's audit entries and follows the chain of each writer: every entry must carry the link of the one
 * before. Runs of entries whose commits were refused are named by a later entry, with the last one's link and the link that
 * the first one carried. Gives what is wrong, in words.
 */
export const chainFaults = async (records: readonly Stored[], workspace: string): Promise<readonly string[]> => {
  const keys = await workspaceKeysOf(records, workspace)
  const entries = records
    .filter(({ partition, collection }) => partition === workspace && collection === "audit")
    .flatMap((stored) => {
      const { metadata } = openRecord(cipher, keys.metadata, placeOf(stored), stored.record.bytes)
      const entry = decodeMetadata(layout.audit(stored.leaf), nameOf(stored), JSON.parse(fromUtf8(metadata)))
      return "writer" in entry ? [{ entry, link: chainLink(keys.chain, stored.leaf, metadata) }] : []
    })
  const faults: string[] = []
  for (const [writer, chain] of Map.groupBy(entries, ({ entry }) => entry.writer)) {
    // What is there or vouched for, run by run; a run may be vouched for more than once.
    const runs = [
      ...chain.map(({ entry: { sequence, previous }, link }) => ({ first: sequence, last: sequence, previous, link })),
      ...chain.flatMap(({ entry }) => entry.refused),
    ].toSorted((a, b) => a.first - b.first)
    const there = new Set(chain.map(({ entry }) => entry.sequence))
    const vouched = chain.flatMap(({ entry }) => entry.refused)
    if (there.size < chain.length) faults.push(`${writer}: a sequence number stands twice`)
    for (const { first, last } of vouched) {
      if ([...there].some((sequence) => sequence >= first && sequence <= last)) {
        faults.push(`${writer}: ${first} to ${last} are refused, and yet one is there`)
      }
    }
    const links = new Map(runs.map(({ last, link }) => [last, link]))
    for (const { first, previous } of runs) {
      const expected = first === 1 ? "" : links.get(first - 1)
      if (expected === undefined) faults.push(`${writer}: ${first - 1} is missing`)
      else if (previous !== expected) faults.push(`${writer}: ${first - 1} is not what it was`)
    }
  }
  return faults
}
