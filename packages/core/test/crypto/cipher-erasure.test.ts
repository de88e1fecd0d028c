import { createDecipheriv, createSecretKey } from "node:crypto"
import { hchacha } from "@noble/ciphers/chacha.js"
import { beforeEach, expect, it, vi } from "vitest"
import { opensslCipher } from "../../src/crypto/xchacha.ts"

const released: Uint8Array[] = []
const seen: string[] = []
const hex = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex")

vi.mock("@noble/ciphers/chacha.js", async (original) => {
  const module = await original<typeof import("@noble/ciphers/chacha.js")>()
  return { ...module, hchacha: vi.fn(module.hchacha) }
})

vi.mock("node:crypto", async (original) => {
  const module = await original<typeof import("node:crypto")>()
  return { ...module, createSecretKey: vi.fn(module.createSecretKey), createDecipheriv: vi.fn(module.createDecipheriv) }
})

const key = new Uint8Array(32).fill(7)
const nonce = new Uint8Array(24).fill(9)
const plaintext = new TextEncoder().encode("what nobody may find in memory")
const none = new Uint8Array()

beforeEach(async () => {
  vi.clearAllMocks()
  released.length = 0
  seen.length = 0
  const real = await vi.importActual<typeof import("node:crypto")>("node:crypto")
  vi.mocked(createDecipheriv).mockImplementation((...args: Parameters<typeof createDecipheriv>) => {
    const decipher = real.createDecipheriv(...args)
    const update = decipher.update.bind(decipher)
    return Object.assign(decipher, {
      update: (data: Uint8Array) => {
        const output = update(data)
        released.push(output)
        seen.push(output.toString())
        return output
      },
    })
  })
})

it("erases its copies of the key and of the sub-key, whether it opens or refuses", () => {
  const sealed = opensslCipher.seal(key, nonce, plaintext, none)
  opensslCipher.open(key, nonce, sealed, none)
  opensslCipher.open(key, nonce, sealed.fill(0, -1), none)
  opensslCipher.open(key, nonce, none, none)

  const copies = vi.mocked(hchacha).mock.calls.flatMap(([, keyWords, , subkeyWords]) => [keyWords, subkeyWords])
  expect(copies).toHaveLength(8)
  for (const copy of copies) expect(hex(copy)).toBe("00".repeat(32))
  for (const [handed] of vi.mocked(createSecretKey).mock.calls) expect(handed).toEqual(new Uint8Array(32))
  expect(key).toEqual(new Uint8Array(32).fill(7))
})

it("erases the plaintext that OpenSSL gives out before it refuses the tag", () => {
  const sealed = opensslCipher.seal(key, nonce, plaintext, none)
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
  expect(opensslCipher.open(key, nonce, sealed, none)).toBeUndefined()
  // The test is void if nothing had been given out.
  expect(seen).toEqual(["what nobody may find in memory"])
  expect(released.map(hex)).toEqual(["00".repeat(plaintext.length)])
})
