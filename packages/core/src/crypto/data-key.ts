import { createHmac, hkdfSync } from "node:crypto"
import { equalConstantTime, erase, lengthPrefixed, toHex } from "./bytes.ts"
import { keyHandle } from "./key-handle.ts"

export const keyLength = 32
export const keyIdLength = 16

/** HKDF-SHA256 (RFC 5869) without salt; the info is the length-prefixed label and context. */
export const derive = (secret: Uint8Array, length: number, label: string, ...context: readonly string[]): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), lengthPrefixed(label, ...context), length))

export const hmacSha256 = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  createHmac("sha256", keyHandle(key)).update(message).digest()

/**
 * What a 32-byte data key becomes: a key to seal with and a commitment to it. The commitment's first 16 bytes are the
 * key id in records, so a ciphertext names the one key it can open under.
 */
export interface DataKey {
  readonly id: Uint8Array
  readonly sealKey: Uint8Array
  readonly commitment: Uint8Array
}

export const dataKey = (secret: Uint8Array, label: string, ...context: readonly string[]): DataKey => {
  const okm = derive(secret, 2 * keyLength, label, ...context)
  const commitment = okm.slice(keyLength)
  const key = { id: commitment.slice(0, keyIdLength), sealKey: okm.slice(0, keyLength), commitment }
  erase(okm)
  return key
}

export const commitsTo = (key: DataKey, commitment: Uint8Array): boolean =>
  equalConstantTime(key.commitment, commitment)

/** A set of data keys: the newest seals, all of them open, each found by its id. */
export class DataKeys {
  readonly current: DataKey
  readonly #byId = new Map<string, DataKey>()

  /** `keys` must not be empty; the last is the newest. */
  constructor(keys: readonly DataKey[]) {
    const newest = keys.at(-1)
    if (newest === undefined) throw new Error("a set of data keys holds at least one")
    this.current = newest
    for (const key of keys) this.#byId.set(toHex(key.id), key)
  }

  find(id: Uint8Array): DataKey | undefined {
    return this.#byId.get(toHex(id))
  }

  erase(): void {
    for (const key of this.#byId.values()) erase(key.sealKey)
  }
}
