import { erase, lengthPrefixed, toBase64Url } from "../crypto/bytes.ts"
import { hmacSha256 } from "../crypto/data-key.ts"

/**
 * Turns names into leaves that tell nothing about them: a generation character and the first 16 bytes of
 * HMAC-SHA256(index key, length-prefixed label, scope and name) in base64url. Equal names in one scope meet at one leaf.
 */
export class BlindIndex {
  readonly generation: string
  readonly #key: Uint8Array

  constructor(generation: string, key: Uint8Array) {
    this.generation = generation
    this.#key = key
  }

  leaf(label: string, ...parts: readonly string[]): string {
    const mac = hmacSha256(this.#key, lengthPrefixed(label, ...parts))
    return this.generation + toBase64Url(mac.subarray(0, 16))
  }

  erase(): void {
    erase(this.#key)
  }
}
