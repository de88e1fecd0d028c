import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { toHex } from "../../src/crypto/bytes.ts"
import { type LocalKey, localKeys } from "../../src/crypto/local-keys.ts"
import type { KeyContext } from "../../src/ports/keys.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"

const root = (seed: number): LocalKey => ({ id: `key-${seed}`, key: new Uint8Array(32).fill(seed) })
const context: KeyContext = { purpose: "workspace-key", storeId: "store-1", workspaceId: "workspace-1" }
const secret = Uint8Array.from({ length: 32 }, (_, i) => 200 + (i % 50))

const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const changed = bytes.slice()
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return changed
}
const unwrapping = async (wrapped: Uint8Array, where: KeyContext = context, keys = localKeys([root(1)])) =>
  codeOf(await outcomeOf(keys.unwrap(wrapped, where)))

describe("a wrapped key", () => {
  it("opens to what was wrapped, with memory of its own, and leaves the key to its owner", async () => {
    const keys = localKeys([root(1)])
    const wrapped = await keys.wrap(secret, context)
    expect(wrapped.length).toBe(89)
    expect(wrapped[0]).toBe(1)
    expect(toHex(wrapped.subarray(1, 17))).toBe(keys.fingerprint)
    const opened = await keys.unwrap(wrapped, context)
    expect(opened).toEqual(secret)
    opened.fill(0)
    expect(await keys.unwrap(wrapped, context)).toEqual(secret)
  })

  it("is another blob each time, in which the key is nowhere to be seen", async () => {
    const keys = localKeys([root(1)])
    const wrapped = await Promise.all(Array.from({ length: 50 }, () => keys.wrap(secret, context)))
    expect(new Set(wrapped.map((blob) => toHex(blob.subarray(17, 41)))).size).toBe(50)
    for (const blob of wrapped) expect(toHex(blob)).not.toContain(toHex(secret.subarray(0, 8)))
  })

  it("is opened by whichever given root key wrapped it, whatever its label and place in the list", async () => {
    const wrapped = await localKeys([root(1)]).wrap(secret, context)
    const later = localKeys([root(2), { ...root(1), id: "renamed" }])
    expect(await later.unwrap(wrapped, context)).toEqual(secret)
    expect(toHex((await later.wrap(secret, context)).subarray(1, 17))).toBe(localKeys([root(2)]).fingerprint)
    expect(await unwrapping(wrapped, context, localKeys([root(2)]))).toBe("ROOT_KEY_UNKNOWN")
  })

  it("opens in no other context", async () => {
    const wrapped = await localKeys([root(1)]).wrap(secret, context)
    const others: readonly KeyContext[] = [
      { ...context, purpose: "directory-key" },
      { ...context, storeId: "store-2" },
      { ...context, storeId: "" },
      { ...context, workspaceId: "workspace-2" },
      { ...context, workspaceId: "" },
      // The same letters, cut elsewhere.
      { ...context, storeId: "store-1w", workspaceId: "orkspace-1" },
      { ...context, storeId: context.workspaceId, workspaceId: context.storeId },
    ]
    for (const other of others) expect(await unwrapping(wrapped, other), JSON.stringify(other)).toBe("INTEGRITY")
    expect(await unwrapping(wrapped)).toBe("ok")
  })

  it("is refused with any single bit changed", async () => {
    const wrapped = await localKeys([root(1)]).wrap(secret, context)
    for (let bit = 0; bit < wrapped.length * 8; bit++) {
      const fingerprint = bit >= 8 && bit < 17 * 8
      expect(await unwrapping(flip(wrapped, bit)), `bit ${bit}`).toBe(fingerprint ? "ROOT_KEY_UNKNOWN" : "INTEGRITY")
    }
  })

  it("is refused in any other length", async () => {
    const wrapped = await localKeys([root(1)]).wrap(secret, context)
    for (let length = 0; length < wrapped.length; length++) {
      expect(await unwrapping(wrapped.subarray(0, length)), `${length} bytes`).toBe("INTEGRITY")
    }
    expect(await unwrapping(Uint8Array.of(...wrapped, 0))).toBe("INTEGRITY")
  })

  it("is not moved to another root key by its fingerprint", async () => {
    const both = localKeys([root(1), root(2)])
    const wrapped = await both.wrap(secret, context)
    wrapped.set(Buffer.from(localKeys([root(2)]).fingerprint, "hex"), 1)
    expect(await unwrapping(wrapped, context, both)).toBe("INTEGRITY")
  })

  it("is refused when it is anything else, and no refusal quotes a key", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 0, maxLength: 120 }), async (bytes) => {
        const outcome = await outcomeOf(localKeys([root(1)]).unwrap(bytes, context))
        expect(["INTEGRITY", "ROOT_KEY_UNKNOWN"]).toContain(codeOf(outcome))
        expect(JSON.stringify(outcome)).not.toContain(toHex(root(1).key).slice(0, 8))
      }),
    )
  })
})

describe("root keys", () => {
  it.each<[string, readonly LocalKey[]]>([
    ["none", []],
    ["a short one", [{ id: "a", key: new Uint8Array(31) }]],
    ["a long one", [{ id: "a", key: new Uint8Array(33) }]],
    ["the same twice under two labels", [root(1), { ...root(1), id: "b" }]],
  ])("are refused: %s", (_name, keys) => {
    expect(() => localKeys(keys)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }))
  })

  it("may share a label", async () => {
    const keys = localKeys([root(1), { ...root(2), id: "key-1" }])
    expect(await keys.unwrap(await localKeys([root(2)]).wrap(secret, context), context)).toEqual(secret)
  })

  it("are not shown by the provider", () => {
    const { inspect } = process.getBuiltinModule("node:util")
    const provider = localKeys([root(1)])
    expect(JSON.stringify(provider)).toBe(JSON.stringify({ fingerprint: provider.fingerprint }))
    expect(inspect(provider, { depth: 9, showHidden: true })).not.toMatch(/01.?01.?01|1, 1, 1/)
  })
})
