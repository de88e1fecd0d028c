import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { DataKeys, dataKey } from "../../src/crypto/data-key.ts"
import { nobleCipher } from "../../src/crypto/xchacha.ts"
import type { Cipher } from "../../src/ports/cipher.ts"
import { layout } from "../../src/records/layout.ts"
import { put, type Sealer, sealWrites } from "../../src/services/plan.ts"

const keys = new DataKeys([dataKey(new Uint8Array(32).fill(5), "test")])
const revision = "0".repeat(26)
const pointer = { v: 1, project: "p" } as const

const sealerOf = (cipher: Cipher, commitBytes = 1e6): Sealer => ({
  cipher,
  random: (length) => new Uint8Array(length).fill(length),
  limits: { recordBytes: 1e6, commitRecords: 10, commitBytes },
  partition: "p",
  metadataKeys: keys,
})

describe("sealing a plan", () => {
  it("leaves no plaintext of a value behind, neither in what it was given nor in what the cipher saw", () => {
    const seen: Uint8Array[] = []
    const watched: Cipher = {
      ...nobleCipher,
      seal: (key, nonce, plaintext, associatedData) => {
        seen.push(plaintext)
        expect(new TextDecoder().decode(plaintext)).toMatch(/MARKER|bytes/)
        return nobleCipher.seal(key, nonce, plaintext, associatedData)
      },
    }
    const bytes = new TextEncoder().encode("bytes")
    const writes = [
      put(layout.slug("a"), undefined, pointer, { value: bytes }),
      put(layout.slug("b"), undefined, pointer, { value: Redacted.make("MARKER") }),
    ]
    sealWrites(sealerOf(watched), revision, writes, [])
    expect(seen).toHaveLength(2)
    for (const plaintext of [bytes, ...seen]) expect(plaintext.every((byte) => byte === 0)).toBe(true)
  })

  it.each(["short", "x".repeat(200_000)])("leaves none behind when the cipher fails", (value) => {
    const seen: Uint8Array[] = []
    const outputs: Uint8Array[] = []
    const failing: Cipher = {
      ...nobleCipher,
      seal: (_key, _nonce, plaintext, _associatedData, output = new Uint8Array(0)) => {
        seen.push(plaintext)
        outputs.push(output)
        output.set(plaintext)
        throw new Error("no memory")
      },
    }
    const writes = [put(layout.slug("a"), undefined, pointer, { value: Redacted.make(value) })]
    expect(() => sealWrites(sealerOf(failing), revision, writes, [])).toThrow("no memory")
    expect(seen.map((plaintext) => plaintext.length >= value.length)).toEqual([true])
    expect(outputs.map((output) => output.length)).toEqual(seen.map((plaintext) => plaintext.length + 16))
    for (const bytes of [...seen, ...outputs]) expect(bytes.every((byte) => byte === 0)).toBe(true)
  })

  it("refuses what a cipher gives in another length than plaintext and tag have", () => {
    for (const extra of [-1, 1, -17]) {
      const strange: Cipher = {
        ...nobleCipher,
        seal: (_key, _nonce, plaintext) => new Uint8Array(plaintext.length + 16 + extra),
      }
      expect(() => sealWrites(sealerOf(strange), revision, [put(layout.slug("a"), undefined, pointer)], [])).toThrow(
        "another length",
      )
    }
  })

  it("refuses what is over a limit before it encodes or seals anything", () => {
    const sealed: number[] = []
    const counting: Cipher = {
      ...nobleCipher,
      seal: (_key, _nonce, plaintext) => {
        sealed.push(plaintext.length)
        return plaintext
      },
    }
    const bytes = new TextEncoder().encode("x".repeat(2_000))
    const writes = [put(layout.slug("a"), undefined, pointer, { value: bytes })]
    expect(() => sealWrites(sealerOf(counting, 1_000), revision, writes, [])).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    )
    expect(sealed).toEqual([])
    expect(bytes[0]).toBe("x".charCodeAt(0))
  })
})
