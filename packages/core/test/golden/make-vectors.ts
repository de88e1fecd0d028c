/** Single vectors: one derivation or one record each, from inputs that are written out. */
import { createHash } from "node:crypto"
import { dataKey, derive } from "../../src/crypto/data-key.ts"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { BlindIndex } from "../../src/records/blind-index.ts"
import { type Place, sealRecord } from "../../src/records/sealed-record.ts"
import { sealWorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { chainLink } from "../../src/services/audit-chain.ts"

/** All bytes are hex. */
export interface Vectors {
  readonly about: string
  readonly dataKeys: readonly {
    readonly secret: string
    readonly label: string
    readonly context: readonly string[]
    readonly sealKey: string
    readonly commitment: string
    readonly keyId: string
  }[]
  readonly chainKey: { readonly secret: string; readonly partition: string; readonly key: string }
  readonly links: readonly {
    readonly key: string
    readonly leaf: string
    readonly metadata: string
    readonly link: string
  }[]
  readonly blindLeaves: readonly {
    readonly generation: string
    readonly key: string
    readonly label: string
    readonly parts: readonly string[]
    readonly leaf: string
  }[]
  readonly records: readonly {
    readonly about: string
    readonly secret: string
    readonly label: string
    readonly context: readonly string[]
    readonly nonce: string
    readonly place: Place
    /** UTF-8 */
    readonly metadata: string
    readonly value: string
    readonly bytes: string
  }[]
  readonly wrappedKeys: readonly {
    readonly rootKey: string
    readonly purpose: "workspace-key" | "directory-key"
    readonly storeId: string
    readonly workspaceId: string
    readonly key: string
    readonly blob: string
  }[]
  readonly workspaceKeys: {
    readonly workspaceKey: string
    readonly wrapped: string
    readonly nonce: string
    readonly place: Place
    readonly createdAt: number
    readonly metadataKey: string
    readonly indexKey: string
    readonly bytes: string
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
/** Bytes that stand for random ones. */
const made = (name: string, length: number): Uint8Array =>
  new Uint8Array(createHash("sha512").update(name).digest()).slice(0, length)

const workspace = "6f1c1d6e-2f0b-4b6e-9a38-1d9f0e9b7c55"
const environment = "0a4be2cf-63ce-4d5a-8a0b-7d1f6b7f4c11"
const vault = "vlt_01KDVQ5Z3M8Q6W0T9B2E4R7X1C"
const revision = "01KDVQ5Z3MABCDEFGHJKMNPQRS"

export const makeVectors = async (): Promise<Vectors> => {
  const derivations = [
    { label: "strongroom/v1/root-key", context: [] },
    { label: "strongroom/v1/workspace-key", context: [workspace] },
    { label: "strongroom/v1/metadata-key", context: ["store"] },
    { label: "strongroom/v1/compartment-key", context: [workspace, vault] },
  ]
  const dataKeys = derivations.map(({ label, context }, i) => {
    const secret = made(`secret ${i}`, 32)
    const { sealKey, commitment, id } = dataKey(secret, label, ...context)
    return { secret: hex(secret), label, context, sealKey: hex(sealKey), commitment: hex(commitment), keyId: hex(id) }
  })

  const chainSecret = made("chain", 32)
  const chainKey = derive(chainSecret, 32, "strongroom/v1/audit-chain", workspace)
  const links = ["{}", '{"v":1,"action":"\u00e9\u{1F511}"}'].map((metadata) => ({
    key: hex(chainKey),
    leaf: revision,
    metadata,
    link: chainLink(chainKey, revision, Buffer.from(metadata)),
  }))

  const names = [
    { label: "project-slug", parts: ["prj_example"] },
    { label: "secret", parts: [environment, "DATABASE_URL"] },
    { label: "value", parts: [environment, "DATABASE_URL", ""] },
    { label: "value", parts: [environment, "DATABASE_URL", "prn_01KDVQ5Z3M8Q6W0T9B2E4R7X1C"] },
    { label: "vault-secret", parts: [vault, "_key"] },
    { label: "workspace-slug", parts: ["ws_example"] },
    // The same letters, cut elsewhere, and beyond ASCII.
    { label: "secret", parts: ["ab", "c"] },
    { label: "secret", parts: ["a", "bc"] },
    { label: "secret", parts: ["\u00fc", "\u{1F511}"] },
  ]
  const blindLeaves = names.map(({ label, parts }) => {
    const key = made("index", 32)
    return { generation: "a", key: hex(key), label, parts, leaf: new BlindIndex("a", key).leaf(label, ...parts) }
  })

  const bodies = [
    { about: "metadata only", collection: "env", leaf: environment, metadata: '{"v":1}', value: "" },
    { about: "empty metadata and value", collection: "env", leaf: environment, metadata: "", value: "" },
    {
      about: "a value that is not text",
      collection: "keyset",
      leaf: vault,
      metadata: '{"v":1,"\u00fc":"\u{1F511}"}',
      value: hex(made("value", 64)),
    },
    {
      about: "several blocks",
      collection: "a.b-c_d~e",
      leaf: "~",
      metadata: `"${"x".repeat(300)}"`,
      value: "00".repeat(65),
    },
  ]
  const records = bodies.map(({ about, collection, leaf, metadata, value }, i) => {
    const secret = made(`record ${i}`, 32)
    const nonce = made(`nonce ${i}`, 24)
    const label = "strongroom/v1/metadata-key"
    const place = { partition: workspace, collection, leaf, revision }
    const body = { metadata: new Uint8Array(Buffer.from(metadata)), value: unhex(value) }
    const bytes = sealRecord(cipher, dataKey(secret, label, workspace), nonce, place, body)
    return {
      about,
      secret: hex(secret),
      label,
      context: [workspace],
      nonce: hex(nonce),
      place,
      metadata,
      value,
      bytes: hex(bytes),
    }
  })

  const storeId = "2b7cf9f3-5c0e-4d8a-b1c4-08a1a5c5d9e2"
  const contexts = [
    { purpose: "workspace-key", storeId, workspaceId: workspace },
    { purpose: "directory-key", storeId, workspaceId: "" },
  ] as const
  const wrappedKeys = []
  for (const context of contexts) {
    const rootKey = made("root", 32)
    const key = made(context.purpose, 32)
    const blob = await localKeys([{ id: "golden", key: rootKey }]).wrap(key.slice(), context)
    wrappedKeys.push({ ...context, rootKey: hex(rootKey), key: hex(key), blob: hex(blob) })
  }

  const workspaceKey = made("workspace-key", 32)
  // Any blob will do: a key management service's is opaque, and of any length.
  const wrapped = new Uint8Array(Buffer.from("an opaque blob"))
  const nonce = made("keys nonce", 24)
  const place = { partition: workspace, collection: "workspace", leaf: "keys", revision }
  const secrets = Buffer.concat([made("metadata key", 32), made("index key", 32)])
  const createdAt = Date.UTC(2026, 0, 1)
  const bytes = sealWorkspaceKeys(cipher, nonce, place, workspaceKey, wrapped, new Uint8Array(secrets), createdAt)
  return {
    about:
      "Single vectors of record format 1 (docs/record-format.md). Bytes are hex, metadata is text. Never regenerated.",
    dataKeys,
    chainKey: { secret: hex(chainSecret), partition: workspace, key: hex(chainKey) },
    links,
    blindLeaves,
    records,
    wrappedKeys,
    workspaceKeys: {
      workspaceKey: hex(workspaceKey),
      wrapped: hex(wrapped),
      nonce: hex(nonce),
      place,
      createdAt,
      metadataKey: hex(secrets.subarray(0, 32)),
      indexKey: hex(secrets.subarray(32)),
      bytes: hex(bytes),
    },
  }
}
