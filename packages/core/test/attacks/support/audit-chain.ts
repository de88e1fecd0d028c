import { cipher } from "../../../src/crypto/xchacha.ts"
import { fromUtf8 } from "../../../src/domain/text.ts"
import { decodeMetadata, layout } from "../../../src/records/layout.ts"
import { nameOf, openRecord } from "../../../src/records/sealed-record.ts"
import { chainLink } from "../../../src/services/audit-chain.ts"
import type { Stored } from "./database.ts"
import { placeOf, workspaceKeysOf } from "./insider.ts"

/**
 * Opens a workspace's audit entries and follows the chain of each writer: every entry must carry the link of the one
 * before. One whose commit was refused is named by a later entry, with its link and the link that it carried. Gives what
 * is wrong, in words.
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
    const refused = chain.flatMap(({ entry }) => entry.refused)
    const all = [...chain.map(({ entry, link }) => ({ ...entry, link })), ...refused]
    const links = new Map(all.map(({ sequence, link }) => [sequence, link]))
    if (links.size < all.length) faults.push(`${writer}: a sequence number stands twice`)
    for (const { sequence, previous } of all) {
      const expected = sequence === 1 ? "" : links.get(sequence - 1)
      if (expected === undefined) faults.push(`${writer}: ${sequence - 1} is missing`)
      else if (previous !== expected) faults.push(`${writer}: ${sequence - 1} is not what it was`)
    }
  }
  return faults
}
