import { getCipherInfo } from "node:crypto"
import { beforeEach, expect, it, vi } from "vitest"

vi.mock("node:crypto", async (original) => {
  const module = await original<typeof import("node:crypto")>()
  return { ...module, getCipherInfo: vi.fn(module.getCipherInfo) }
})

beforeEach(() => vi.resetModules())

it("uses OpenSSL where it has the algorithm", async () => {
  const { cipher, opensslCipher } = await import("../../src/crypto/xchacha.ts")
  expect(cipher).toBe(opensslCipher)
})

it("falls back to JavaScript where OpenSSL was built without it", async () => {
  vi.mocked(getCipherInfo).mockReturnValueOnce(undefined)
  const { cipher, nobleCipher } = await import("../../src/crypto/xchacha.ts")
  expect(getCipherInfo).toHaveBeenCalledWith("chacha20-poly1305")
  expect(cipher).toBe(nobleCipher)
})
