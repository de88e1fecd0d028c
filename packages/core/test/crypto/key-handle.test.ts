import { KeyObject } from "node:crypto"
import { afterEach, describe, expect, it, vi } from "vitest"
import { nobleCipher } from "../../src/crypto/xchacha.ts"

const versions = process.versions

afterEach(() => {
  Object.defineProperty(process, "versions", { value: versions })
  vi.resetModules()
})

describe.each([
  ["22.23.3", Uint8Array],
  ["24.21.0", KeyObject],
])("on Node %s", (node, kind) => {
  const load = async () => {
    Object.defineProperty(process, "versions", { value: { ...versions, node } })
    vi.resetModules()
    const [handle, cipher, dataKey] = await Promise.all([
      import("../../src/crypto/key-handle.ts"),
      import("../../src/crypto/xchacha.ts"),
      import("../../src/crypto/data-key.ts"),
    ])
    return { ...handle, ...cipher, ...dataKey }
  }
  const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(24).fill(2)]

  it("keys are handed over as that version takes them fastest", async () => {
    expect((await load()).keyHandle(key)).toBeInstanceOf(kind)
  })

  it("what is sealed and hashed is the same", async () => {
    const { opensslCipher, hmacSha256 } = await load()
    const sealed = opensslCipher.seal(key, nonce, Buffer.from("value"), Buffer.from("place"))
    expect(Buffer.compare(sealed, nobleCipher.seal(key, nonce, Buffer.from("value"), Buffer.from("place")))).toBe(0)
    expect(opensslCipher.open(key, nonce, sealed, Buffer.from("place"))).toEqual(new Uint8Array(Buffer.from("value")))
    // RFC 4231, test case 2.
    expect(
      Buffer.from(hmacSha256(Buffer.from("Jefe"), Buffer.from("what do ya want for nothing?"))).toString("hex"),
    ).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  })
})
