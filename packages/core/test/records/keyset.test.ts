import { describe, expect, it } from "vitest"
import { concat } from "../../src/crypto/bytes.ts"
import { dataKey } from "../../src/crypto/data-key.ts"
import { type KeysetBody, newKeyset, rotated, unlockKeyset, withClosedAt } from "../../src/records/keyset.ts"
import { filled, flip, refusal } from "./support.ts"

const partition = "workspace"
const compartment = "vlt_1"
const name = "workspace/keyset/vlt_1"
const fresh = () => newKeyset(partition, compartment, filled(1), 10)
const unlock = (body: KeysetBody, where = partition, what = compartment) => unlockKeyset(name, where, what, body)
const keyOf = (seed: number) => dataKey(filled(seed), "strongroom/v1/compartment-key", partition, compartment)

describe("a keyset", () => {
  it("unlocks to the keys it was made of, the newest of which seals", () => {
    const keyset = rotated(rotated(fresh(), partition, filled(2), 20), partition, filled(3), 30)
    const keys = unlock(keyset)
    expect(keys.current).toEqual(keyOf(3))
    for (const seed of [1, 2, 3]) expect(keys.find(keyOf(seed).id)).toEqual(keyOf(seed))
    expect(keyset.metadata.sequence).toBe(3)
    expect(keyset.metadata.keys.map(({ createdAt }) => createdAt)).toEqual([10, 20, 30])
    expect(keyset.secrets).toEqual(concat(filled(1), filled(2), filled(3)))
  })

  it("goes up in sequence with every change, also when it is closed and opened", () => {
    const closed = withClosedAt(fresh(), 50)
    expect([closed.metadata.sequence, closed.metadata.closedAt]).toEqual([2, 50])
    const reopened = withClosedAt(closed, null)
    expect([reopened.metadata.sequence, reopened.metadata.closedAt]).toEqual([3, null])
    expect(unlock(reopened).current).toEqual(keyOf(1))
  })

  it("is of one compartment in one workspace: attack 6, by whoever has the metadata keys", () => {
    expect(refusal(() => unlock(fresh(), "other"))).toBe(`${name}: INTEGRITY`)
    expect(refusal(() => unlock(fresh(), partition, "vlt_2"))).toBe(`${name}: INTEGRITY`)
    const elsewhere = { ...fresh(), metadata: { ...fresh().metadata, compartment: "vlt_2" } }
    expect(refusal(() => unlock(elsewhere))).toBe(`${name}: INTEGRITY`)
    expect(refusal(() => unlock(elsewhere, partition, "vlt_2"))).toBe(`${name}: INTEGRITY`)
  })

  it("holds the keys that it commits to: any changed bit of a key is refused", () => {
    const keyset = rotated(fresh(), partition, filled(2), 20)
    for (let bit = 0; bit < keyset.secrets.length * 8; bit++) {
      expect(refusal(() => unlock({ ...keyset, secrets: flip(keyset.secrets, bit) }))).toBe(`${name}: INTEGRITY`)
    }
    const [first, second] = keyset.metadata.keys
    const swapped = { ...keyset.metadata, keys: [second, first].filter((key) => key !== undefined) }
    expect(refusal(() => unlock({ ...keyset, metadata: swapped }))).toBe(`${name}: INTEGRITY`)
  })

  it.each([0, 1, 31, 33, 64])("has 32 bytes for each key, not %i for one", (length) => {
    expect(refusal(() => unlock({ ...fresh(), secrets: filled(1, length) }))).toBe(`${name}: INTEGRITY`)
  })

  it("is never empty", () => {
    const none = { metadata: { ...fresh().metadata, keys: [] }, secrets: filled(0, 0) }
    expect(refusal(() => unlock(none))).toBe(`${name}: INTEGRITY`)
  })
})
