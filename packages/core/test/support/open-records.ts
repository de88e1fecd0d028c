import type { DataKeys } from "../../src/crypto/data-key.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { fromUtf8 } from "../../src/domain/text.ts"
import type { StorageAdapter, StoredRecord } from "../../src/ports/storage.ts"
import { unlockKeyset } from "../../src/records/keyset.ts"
import { layout, type Ref, readMetadata, storePartition } from "../../src/records/layout.ts"
import { openRecord } from "../../src/records/sealed-record.ts"
import { openWorkspaceKeys, splitWorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { rootKeys } from "./engine.ts"

/** What stored records say, opened with core's own functions but without its services. */
export interface OpenRecords {
  /** How many data keys a compartment has. */
  readonly keyCount: (compartment: string) => Promise<number>
  /** Every secret of a vault. */
  readonly vaultSecrets: (vault: string) => Promise<readonly { readonly envKey: string; readonly value: string }[]>
}

const everything = { limit: 1_000, maxBytes: 1 << 26 }

export const openRecords = async (storage: StorageAdapter, partition: string): Promise<OpenRecords> => {
  const read = async (ref: Ref<unknown>): Promise<StoredRecord> => {
    const [record] = await storage.read(partition, [ref])
    if (record === undefined) throw new Error(`no record at ${ref.collection}/${ref.leaf}`)
    return record
  }
  const open = <A>(ref: Ref<A>, record: StoredRecord, keys: DataKeys) => {
    const place = { partition, collection: ref.collection, leaf: ref.leaf, revision: record.revision }
    const body = openRecord(cipher, keys, place, record.bytes)
    return { metadata: readMetadata(ref, place, body.metadata), value: body.value }
  }

  const storeId = (await storage.list(storePartition, "marker", everything)).records[0]?.leaf ?? ""
  const ref = layout.workspaceKeys()
  const record = await read(ref)
  const place = { partition, collection: ref.collection, leaf: ref.leaf, revision: record.revision }
  const { prefix, wrapped } = splitWorkspaceKeys(place, record.bytes)
  const context = { purpose: "workspace-key", storeId, workspaceId: partition } as const
  const workspaceKey = await rootKeys().unwrap(wrapped, context)
  const keys = openWorkspaceKeys(cipher, ref, place, record.bytes, prefix, workspaceKey)

  const keyset = async (compartment: string) => {
    const keysetRef = layout.keyset(compartment)
    return open(keysetRef, await read(keysetRef), keys.metadata)
  }

  return {
    keyCount: async (compartment) => (await keyset(compartment)).metadata.keys.length,
    async vaultSecrets(vault) {
      const { metadata, value } = await keyset(vault)
      const vaultKeys = unlockKeyset("keyset", partition, vault, { metadata, secrets: value })
      const { records } = await storage.list(partition, `vsecret.${vault}`, everything)
      return records.map(({ leaf, record: stored }) => {
        const opened = open(layout.vaultSecret(vault, leaf), stored, vaultKeys)
        return { envKey: opened.metadata.envKey, value: fromUtf8(opened.value) }
      })
    },
  }
}
