import { randomBytes } from "node:crypto"
import type { DataKey, DataKeys } from "../../../src/crypto/data-key.ts"
import { localKeys } from "../../../src/crypto/local-keys.ts"
import { cipher } from "../../../src/crypto/xchacha.ts"
import { utf8 } from "../../../src/domain/text.ts"
import { unlockKeyset } from "../../../src/records/keyset.ts"
import { decodeMetadata, directoryLayout, layout } from "../../../src/records/layout.ts"
import { type Body, nameOf, openRecord, type Place, sealRecord } from "../../../src/records/sealed-record.ts"
import { openWorkspaceKeys, splitWorkspaceKeys, type WorkspaceKeys } from "../../../src/records/workspace-keys.ts"
import type { Stored } from "./database.ts"
import { rootKey } from "./world.ts"

/** Opens and seals with the store's real keys, which an attacker of the database does not have. */

export const placeOf = ({ partition, collection, leaf, record }: Stored): Place => ({
  partition,
  collection,
  leaf,
  revision: record.revision,
})

const findIn = (records: readonly Stored[], name: string): Stored => {
  const found = records.find((stored) => nameOf(stored) === name)
  if (found === undefined) throw new Error(`${name} is not stored`)
  return found
}

export const storeIdOf = (records: readonly Stored[]): string => {
  const marker = records.find(({ partition, collection }) => partition === "store" && collection === "marker")
  if (marker === undefined) throw new Error("the store has no marker")
  return marker.leaf
}

/** The keys that seal a workspace's metadata, or those of the directory. */
export const workspaceKeysOf = async (records: readonly Stored[], workspace: string): Promise<WorkspaceKeys> => {
  const isDirectory = workspace === "store" || workspace.startsWith("dir-")
  const ref = isDirectory ? directoryLayout.keys() : layout.workspaceKeys()
  const stored = findIn(records, nameOf({ partition: isDirectory ? "store" : workspace, ...ref }))
  const { prefix, wrapped } = splitWorkspaceKeys(placeOf(stored), stored.record.bytes)
  const workspaceKey = await localKeys([{ id: "root", key: rootKey }]).unwrap(wrapped, {
    purpose: isDirectory ? "directory-key" : "workspace-key",
    storeId: storeIdOf(records),
    workspaceId: isDirectory ? "" : workspace,
  })
  return openWorkspaceKeys(cipher, ref, placeOf(stored), stored.record.bytes, prefix, workspaceKey)
}

/** The data keys of an environment or a vault. */
export const compartmentKeysOf = async (
  records: readonly Stored[],
  partition: string,
  compartment: string,
): Promise<DataKeys> => {
  const ref = layout.keyset(compartment)
  const stored = findIn(records, nameOf({ partition, ...ref }))
  const { metadata: keys } = await workspaceKeysOf(records, partition)
  const { metadata, value } = openRecord(cipher, keys, placeOf(stored), stored.record.bytes)
  const decoded = decodeMetadata(ref, nameOf(stored), JSON.parse(Buffer.from(metadata).toString("utf8")))
  return unlockKeyset(nameOf(stored), partition, compartment, { metadata: decoded, secrets: value })
}

/** The same record with another body, sealed as the engine would. */
export const resealed = (stored: Stored, key: DataKey, body: Partial<Body>): Stored => {
  const full = { metadata: utf8("{}"), value: new Uint8Array(0), ...body }
  const bytes = sealRecord(cipher, key, randomBytes(24), placeOf(stored), full)
  return { ...stored, record: { ...stored.record, bytes } }
}
