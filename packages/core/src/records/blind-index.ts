import { erase, lengthPrefixed, toBase64Url } from "../crypto/bytes.ts"
import { hmacSha256 } from "../crypto/data-key.ts"

export type Leaves = Pick<BlindIndex, "leaf">

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

  /** The same leaves for one operation, which asks for some of them to read, to decide and to write. */
  remembering(): Leaves {
    const made = new Map<string, string>()
    return {
      leaf: (label, ...parts) => {
        // With lengths, so that no two lists of parts meet.
        let asked = label
        for (const part of parts) asked += `/${part.length}/${part}`
        const known = made.get(asked)
        if (known !== undefined) return known
        const leaf = this.leaf(label, ...parts)
        made.set(asked, leaf)
        return leaf
      },
    }
  }

  erase(): void {
    erase(this.#key)
  }
}
