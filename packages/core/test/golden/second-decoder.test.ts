import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs, timeout } from "../support/runs.ts"
import { readGoldenStore, readVectors } from "./files.ts"
import {
  blindLeaf,
  chainKeyOf,
  dataKey,
  linkOf,
  openRecord,
  Refused,
  splitKeysRecord,
  unwrap,
} from "./second-decoder.ts"
import { type Dump, openStore } from "./second-store.ts"

const { expected, rootKey, store } = readGoldenStore()
const root = Buffer.from(rootKey, "base64")
const opened = openStore(store, root)

interface Address {
  readonly partition: string
  readonly collection: string
  readonly leaf: string
}
const addresses: readonly Address[] = Object.entries(store).flatMap(([partition, collections]) =>
  Object.entries(collections).flatMap(([collection, leaves]) =>
    Object.keys(leaves).map((leaf) => ({ partition, collection, leaf })),
  ),
)
const recordAt = ({ partition, collection, leaf }: Address) => {
  const record = store[partition]?.[collection]?.[leaf]
  if (record === undefined) throw new Error(`${partition}/${collection}/${leaf}`)
  return record
}
const bytesOf = (address: Address) => Buffer.from(recordAt(address).bytes, "base64")

/** The store with one record changed, or (`undefined`) removed. */
const withRecord = (
  { partition, collection, leaf }: Address,
  record: { revision: string; bytes: Buffer } | undefined,
): Dump => {
  const { [leaf]: _, ...others } = store[partition]?.[collection] ?? {}
  const changed = record && { [leaf]: { revision: record.revision, bytes: record.bytes.toString("base64") } }
  return { ...store, [partition]: { ...store[partition], [collection]: { ...others, ...changed } } }
}
const refuses = (dump: Dump, key = root): boolean => {
  try {
    openStore(dump, key)
    return false
  } catch (error) {
    if (error instanceof Refused) return true
    throw error
  }
}

it("imports nothing of core, and no cipher but OpenSSL's", () => {
  const modules = ["second-decoder.ts", "second-schemas.ts", "second-store.ts"]
  const imports = modules.flatMap((file) =>
    [...readFileSync(new URL(file, import.meta.url), "utf8").matchAll(/(?:from|import\(?) ?"([^"]+)"/g)].map(
      ([, name]) => name,
    ),
  )
  expect(new Set(imports)).toEqual(new Set(["node:crypto", "./second-decoder.ts", "./second-schemas.ts"]))
})

describe("the golden store, opened from the root key alone", () => {
  const [workspace] = opened.workspaces

  it("holds what was put into it", () => {
    expect(opened.workspaces.length).toBe(1)
    expect(workspace).toMatchObject(expected.workspace)
    expect(workspace?.projects).toEqual([expected.project])
    expect(workspace?.vaults).toEqual([expected.vault])
    expect(workspace?.principals.map(({ id, name }) => ({ id, name }))).toContainEqual(expected.principal)
    expect(
      workspace?.tokens.map(({ id, name, hash, maker, revokedAt }) => ({
        id,
        name,
        hash,
        maker,
        revoked: revokedAt !== null,
      })),
    ).toEqual(
      expected.tokens.map(({ text, ...token }) => ({
        ...token,
        hash: createHash("sha256").update(text).digest("base64url"),
      })),
    )
  })

  it("holds nothing of what was removed", () => {
    const names = [...(workspace?.projects ?? [])].flatMap(({ secrets }) => secrets.map(({ name }) => name))
    expect(names).not.toContain(expected.removed.secret)
    expect(workspace?.vaults.map(({ id }) => id)).not.toContain(expected.removed.vault)
    expect(JSON.stringify(Object.keys(store[expected.workspace.id] ?? {}))).not.toContain(expected.removed.environment)
  })

  it("has verified chains, with refused entries and a void", () => {
    expect(workspace?.audit).toEqual(expected.audit)
  })

  it("shows no name and no value", () => {
    const stored = addresses
      .map((address) => `${Object.values(address).join("/")} ${bytesOf(address).toString("latin1")}`)
      .join("\n")
    const { project, vault } = expected
    const words = [...project.secrets, ...vault.secrets, ...project.environments].map(({ name }) => name)
    const values = project.secrets.flatMap((secret) => secret.values.map(({ value }) => value))
    for (const word of [...words, ...values, project.slug, expected.workspace.slug, vault.name]) {
      if (word.length > 3) expect(stored).not.toContain(Buffer.from(word).toString("latin1"))
    }
  })

  it("opens under no other root key", () => {
    expect(refuses(store, Buffer.alloc(32, 1))).toBe(true)
  })
})

describe("the second decoder refuses the golden store", () => {
  const anyAddress = fc.constantFrom(...addresses)

  it(
    "with any single bit of any record changed",
    () => {
      fc.assert(
        fc.property(anyAddress, fc.nat(), (address, position) => {
          const bytes = bytesOf(address)
          const bit = position % (bytes.length * 8)
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          expect(refuses(withRecord(address, { ...recordAt(address), bytes }))).toBe(true)
        }),
        { numRuns: runs(300) },
      )
    },
    timeout,
  )

  it(
    "with any record cut or extended",
    () => {
      fc.assert(
        fc.property(anyAddress, fc.nat(), fc.boolean(), (address, position, cut) => {
          const whole = bytesOf(address)
          const bytes = cut
            ? whole.subarray(0, position % whole.length)
            : Buffer.concat([whole, whole.subarray(position % whole.length)])
          expect(refuses(withRecord(address, { ...recordAt(address), bytes }))).toBe(true)
        }),
        { numRuns: runs(100) },
      )
    },
    timeout,
  )

  it(
    "with any record under another revision, and with any two records swapped",
    () => {
      for (const [index, address] of addresses.entries()) {
        const other = addresses[(index + 1) % addresses.length] ?? address
        const bytes = bytesOf(address)
        expect(refuses(withRecord(address, { revision: "0".repeat(26), bytes }))).toBe(true)
        expect(refuses(withRecord(other, { ...recordAt(address), bytes })), JSON.stringify([address, other])).toBe(true)
      }
    },
    timeout,
  )

  it(
    "with any record removed, but for those that the page says are not missed",
    () => {
      const unmissed = addresses.filter((address) => !refuses(withRecord(address, undefined)))
      const count = (kind: string) => unmissed.filter(({ collection }) => collection === kind).length
      // Two chains end, and one entry was fenced.
      expect(count("audit")).toBe(3)
      expect([count("principal"), count("token"), count("receipt")]).toEqual([2, 2, 4])
      expect(unmissed.length).toBe(3 + 2 + 2 + 4)
    },
    timeout,
  )
})

describe("the single vectors, by the second decoder", () => {
  const vectors = readVectors()
  const hex = (text: string) => Buffer.from(text, "hex")

  it.each(vectors.dataKeys)("$label derives", ({ secret, label, context, sealKey, commitment, keyId }) => {
    const key = dataKey(hex(secret), label, ...context)
    expect([key.sealKey, key.commitment, key.id].map((each) => each.toString("hex"))).toEqual([
      sealKey,
      commitment,
      keyId,
    ])
  })

  it("chain key and links", () => {
    const { secret, partition, key } = vectors.chainKey
    expect(chainKeyOf(hex(secret), partition).toString("hex")).toBe(key)
    for (const { key: chainKey, leaf, metadata, link } of vectors.links) {
      expect(linkOf(hex(chainKey), leaf, Buffer.from(metadata))).toBe(link)
    }
  })

  it.each(vectors.blindLeaves)("blind leaf of $label $parts", ({ generation, key, label, parts, leaf }) => {
    expect(blindLeaf(generation, hex(key), label, ...parts)).toBe(leaf)
  })

  it.each(vectors.records)("record: $about", ({ secret, label, context, place, metadata, value, bytes }) => {
    const body = openRecord([dataKey(hex(secret), label, ...context)], place, hex(bytes))
    expect(body.metadata.toString()).toBe(metadata)
    expect(body.value.toString("hex")).toBe(value)
  })

  it.each(vectors.wrappedKeys)("wrapped $purpose", ({ rootKey: wrappedBy, blob, key, ...context }) => {
    expect(unwrap(hex(wrappedBy), hex(blob), context).toString("hex")).toBe(key)
  })

  it("the keys of a workspace", () => {
    const { workspaceKey, wrapped, place, metadataKey, indexKey, bytes } = vectors.workspaceKeys
    const parts = splitKeysRecord(place, hex(bytes))
    expect(parts.wrapped.toString("hex")).toBe(wrapped)
    const key = dataKey(hex(workspaceKey), "strongroom/v1/workspace-key", place.partition)
    const body = openRecord([key], place, parts.sealed, parts.prefix)
    expect(body.value.toString("hex")).toBe(metadataKey + indexKey)
    const { metadataKeys } = JSON.parse(body.metadata.toString())
    const derived = dataKey(hex(metadataKey), "strongroom/v1/metadata-key", place.partition)
    expect(metadataKeys[0].commitment).toBe(derived.commitment.toString("base64url"))
  })
})
