import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { concat, toHex, u32 } from "../../src/crypto/bytes.ts"
import { DataKeys, dataKey } from "../../src/crypto/data-key.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { utf8 } from "../../src/domain/text.ts"
import { committedKey } from "../../src/records/committed-keys.ts"
import { directoryLayout, layout } from "../../src/records/layout.ts"
import { openRecord, type Place, sealRecord } from "../../src/records/sealed-record.ts"
import { openWorkspaceKeys, sealWorkspaceKeys, splitWorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { place as anyRecord, filled, flip, refusal } from "./support.ts"

const place: Place = { ...anyRecord, collection: "workspace", leaf: "keys" }
const record = `${place.partition}/workspace/keys`
const workspaceKey = filled(1)
const wrapped = filled(2, 89)
const secrets = concat(filled(3), filled(4))
const seal = (where = place) =>
  sealWorkspaceKeys(cipher, filled(5, 24), where, workspaceKey, wrapped, secrets.slice(), 9)

const open = (bytes: Uint8Array, where = place, key = workspaceKey) => {
  const { prefix } = splitWorkspaceKeys(where, bytes)
  return openWorkspaceKeys(cipher, layout.workspaceKeys(), where, bytes, prefix, key.slice())
}

/** The record as whoever holds the workspace key could make it up. */
const forged = (metadata: unknown, value: Uint8Array) => {
  const prefix = concat(Uint8Array.of(1, 0), u32(wrapped.length), wrapped)
  const key = dataKey(workspaceKey, "strongroom/v1/workspace-key", place.partition)
  const text = typeof metadata === "string" ? metadata : JSON.stringify(metadata)
  return sealRecord(cipher, key, filled(6, 24), place, { metadata: utf8(text), value }, prefix)
}

const metadataKeyOf = (secret: Uint8Array) => dataKey(secret, "strongroom/v1/metadata-key", place.partition)
const honest = {
  v: 1,
  sequence: 1,
  metadataKeys: [committedKey(metadataKeyOf(filled(3)), 9)],
  indexKeys: [{ generation: "a", createdAt: 9 }],
}

describe("the record of a workspace's keys", () => {
  it("is its own prefix, the wrapped key, and a sealed record of the workspace key", () => {
    const bytes = seal()
    expect(toHex(bytes.subarray(0, 6))).toBe("010000000059")
    expect(bytes.subarray(6, 95)).toEqual(wrapped)
    expect(toHex(bytes.subarray(95, 97))).toBe("0101")
    expect(splitWorkspaceKeys(place, bytes).wrapped).toEqual(wrapped)
  })

  it("opens to the keys that it was made of", () => {
    const keys = open(seal())
    expect(keys.sequence).toBe(1)
    expect(keys.metadata.current).toEqual(metadataKeyOf(filled(3)))
    expect(keys.index.leaf("label", "name")).toMatch(/^a[A-Za-z0-9_-]{22}$/)
    const chain = keys.chain.slice()
    keys.erase()
    expect(keys.chain).toEqual(filled(0))
    expect(keys.metadata.current.sealKey).toEqual(filled(0))
    expect(open(seal()).chain).toEqual(chain)
  })

  it("hands the wrapped key out as a copy: erasing it does not touch the record", () => {
    // A Buffer's `slice` is no copy.
    for (const bytes of [seal(), Buffer.from(seal())]) {
      splitWorkspaceKeys(place, bytes).wrapped.fill(0)
      expect(refusal(() => open(bytes))).toBe("accepted")
    }
  })

  it("writes with the newest keys and opens with all, in the order metadata keys, index keys", () => {
    const metadata = {
      ...honest,
      sequence: 7,
      metadataKeys: [committedKey(metadataKeyOf(filled(3)), 9), committedKey(metadataKeyOf(filled(7)), 10)],
      indexKeys: [...honest.indexKeys, { generation: "b", createdAt: 10 }],
    }
    const keys = open(forged(metadata, concat(filled(3), filled(7), filled(4), filled(8))))
    expect(keys.sequence).toBe(7)
    expect(keys.metadata.current).toEqual(metadataKeyOf(filled(7)))
    expect(keys.metadata.find(metadataKeyOf(filled(3)).id)).toEqual(metadataKeyOf(filled(3)))
    expect(keys.chain).toEqual(open(seal()).chain)
    expect(keys.index.leaf("label", "name").slice(0, 1)).toBe("b")
    expect(keys.index.leaf("label", "name").slice(1)).not.toBe(open(seal()).index.leaf("label", "name").slice(1))
  })

  it("is refused with any single bit changed, the wrapped key's among them, naming the record", () => {
    const bytes = seal()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const outcome = refusal(() => open(flip(bytes, bit)))
      // A changed length makes something else out of the sealed record's version.
      expect(outcome, `bit ${bit}`).toMatch(new RegExp(`^${record}: (INTEGRITY|FORMAT_UNSUPPORTED)$`))
      if (bit >= 48 && bit < 95 * 8) expect(outcome).toBe(`${record}: INTEGRITY`)
    }
  })

  it("is refused in any other length", () => {
    const bytes = seal()
    for (let length = 0; length < bytes.length; length++) {
      expect(
        refusal(() => open(bytes.subarray(0, length))),
        `${length} bytes`,
      ).toBe(`${record}: INTEGRITY`)
    }
    expect(refusal(() => open(concat(bytes, filled(0, 1))))).toBe(`${record}: INTEGRITY`)
  })

  it("is refused at another place and under another workspace key", () => {
    for (const [field, value] of Object.entries({ partition: "other", leaf: "other", revision: "0".repeat(26) })) {
      expect(refusal(() => open(seal(), { ...place, [field]: value }))).toMatch(/: INTEGRITY$/)
    }
    expect(refusal(() => open(seal(), place, filled(9)))).toBe(`${record}: INTEGRITY`)
    expect(refusal(() => open(seal({ ...place, partition: "store" })))).toBe(`${record}: INTEGRITY`)
  })

  it("and an ordinary record do not open in each other's place", () => {
    const ordinary = sealRecord(cipher, metadataKeyOf(filled(3)), filled(5, 24), place, {
      metadata: utf8(JSON.stringify(honest)),
      value: secrets,
    })
    expect(refusal(() => open(ordinary))).toBe(`${record}: FORMAT_UNSUPPORTED`)
    const own = dataKey(workspaceKey, "strongroom/v1/workspace-key", place.partition)
    const everyKey = new DataKeys([metadataKeyOf(filled(3)), own])
    expect(refusal(() => openRecord(cipher, everyKey, place, seal()))).toBe(`${record}: FORMAT_UNSUPPORTED`)
    // The sealed record in it, without what stands before it.
    expect(refusal(() => openRecord(cipher, everyKey, place, seal().subarray(95)))).toBe(`${record}: INTEGRITY`)
  })

  it("of the directory is the same record elsewhere", () => {
    const where = { ...place, partition: "store", collection: "directory" }
    const bytes = seal(where)
    const { prefix } = splitWorkspaceKeys(where, bytes)
    const ref = directoryLayout.keys()
    expect(openWorkspaceKeys(cipher, ref, where, bytes, prefix, workspaceKey.slice()).sequence).toBe(1)
  })
})

describe("attack 15: keys that whoever holds the workspace key has made up", () => {
  const both = secrets
  it.each<[string, unknown, Uint8Array]>([
    ["no keys", { ...honest, metadataKeys: [], indexKeys: [] }, filled(0, 0)],
    ["no metadata key", { ...honest, metadataKeys: [] }, filled(4)],
    ["no index key", { ...honest, indexKeys: [] }, filled(3)],
    ["fewer secrets than keys", honest, both.subarray(32)],
    ["a secret too many", honest, concat(both, filled(5))],
    ["a secret cut short", honest, both.subarray(1)],
    ["the secrets in another order", honest, concat(filled(4), filled(3))],
    ["a metadata key that is not the committed one", honest, concat(filled(8), filled(4))],
    [
      "half a commitment",
      { ...honest, metadataKeys: [{ commitment: honest.metadataKeys[0]?.commitment.slice(0, 22), createdAt: 9 }] },
      both,
    ],
    ["an empty commitment", { ...honest, metadataKeys: [{ commitment: "", createdAt: 9 }] }, both],
    ["a commitment that is no text", { ...honest, metadataKeys: [{ commitment: 5, createdAt: 9 }] }, both],
    ["no version", { ...honest, v: undefined }, both],
    ["null", null, both],
    ["no JSON", "{", both],
  ])("%s", (_name, metadata, value) => {
    expect(refusal(() => open(forged(metadata, value)))).toBe(`${record}: INTEGRITY`)
  })

  it("a newer version", () => {
    expect(refusal(() => open(forged({ ...honest, v: 2 }, both)))).toBe(`${record}: FORMAT_UNSUPPORTED`)
  })

  it("anything that is JSON", () => {
    fc.assert(
      fc.property(fc.json(), fc.uint8Array({ maxLength: 70 }), (metadata, value) => {
        expect(refusal(() => open(forged(metadata, value)))).toMatch(
          new RegExp(`^${record}: (INTEGRITY|FORMAT_UNSUPPORTED)$`),
        )
      }),
    )
  })

  it("the honest ones open, so that the refusals above are for their reasons", () => {
    expect(refusal(() => open(forged(honest, both)))).toBe("accepted")
  })
})
