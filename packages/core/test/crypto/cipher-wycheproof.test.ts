import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { nobleCipher, opensslCipher } from "../../src/crypto/xchacha.ts"

interface Vector {
  readonly tcId: number
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
  readonly result: "valid" | "invalid"
}
interface VectorFile {
  readonly numberOfTests: number
  readonly testGroups: readonly { readonly tests: readonly Vector[] }[]
}

const { WYCHEPROOF_DIR: folder } = process.env
const path = folder === undefined ? undefined : join(folder, "xchacha20_poly1305_test.json")
const present = path !== undefined && existsSync(path)
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"))
const hex = (array: Uint8Array) => Buffer.from(array).toString("hex")

const title = present
  ? "Wycheproof's XChaCha20-Poly1305 vectors"
  : "Wycheproof's XChaCha20-Poly1305 vectors (skipped: no xchacha20_poly1305_test.json in WYCHEPROOF_DIR)"

describe.skipIf(!present)(title, () => {
  const file: VectorFile = present ? JSON.parse(readFileSync(path, "utf8")) : { numberOfTests: 0, testGroups: [] }
  const vectors = file.testGroups.flatMap((group) => group.tests)

  it("are all there", () => {
    expect(vectors.length).toBeGreaterThan(0)
    expect(vectors).toHaveLength(file.numberOfTests)
  })

  it.each(Object.entries({ nobleCipher, opensslCipher }))("%s", (_name, cipher) => {
    const outcome = (vector: Vector): string => {
      const [key, nonce, associatedData] = [bytes(vector.key), bytes(vector.iv), bytes(vector.aad)]
      // A nonce of another length is our programming error, not a verdict on data.
      if (nonce.length !== 24) {
        expect(() => cipher.open(key, nonce, bytes(vector.ct + vector.tag), associatedData)).toThrow()
        return "invalid"
      }
      const opened = cipher.open(key, nonce, bytes(vector.ct + vector.tag), associatedData)
      if (opened === undefined) return "invalid"
      expect(hex(opened)).toBe(vector.msg)
      expect(hex(cipher.seal(key, nonce, opened, associatedData))).toBe(vector.ct + vector.tag)
      return "valid"
    }
    expect(vectors.filter((vector) => outcome(vector) !== vector.result).map(({ tcId }) => tcId)).toEqual([])
  })
})
