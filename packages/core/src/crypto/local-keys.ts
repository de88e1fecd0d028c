import { invalidInput, StrongroomError } from "../domain/errors.ts"
import type { KeyContext, KeyProvider } from "../ports/keys.ts"
import { concat, equalConstantTime, lengthPrefixed, toHex } from "./bytes.ts"
import { type DataKey, dataKey, keyIdLength, keyLength } from "./data-key.ts"
import { noncePool } from "./nonce-pool.ts"
import { cipher } from "./xchacha.ts"

const version = 0x01
const nonceLength = 24
const headerLength = 1 + keyIdLength
const blobLength = headerLength + nonceLength + keyLength + 16

/** A root key that this process holds: 32 random bytes, and a label for people. */
export interface LocalKey {
  readonly id: string
  readonly key: Uint8Array
}

const associatedData = (header: Uint8Array, context: KeyContext): Uint8Array =>
  lengthPrefixed("strongroom/v1/wrapped-key", header, context.purpose, context.storeId, context.workspaceId)

/**
 * Root keys held in memory: the first wraps, all unwrap. A wrapped key is
 * `version (1) | root fingerprint (16) | nonce (24) | ciphertext (32) | tag (16)`; the root key is found by the
 * fingerprint, a commitment to it, and the id is only a label.
 *
 * Throws `INVALID_INPUT` for an empty list, a key that is not 32 bytes, or one given twice.
 */
export const localKeys = (keys: readonly LocalKey[]): KeyProvider => {
  if (!Array.isArray(keys)) throw invalidInput("keys", "must be a list of root keys")
  const nonces = noncePool()
  const roots = keys.map((local, index): DataKey => {
    if (!(local?.key instanceof Uint8Array) || local.key.length !== keyLength) {
      throw invalidInput(`keys[${index}].key`, `must be ${keyLength} bytes`)
    }
    return dataKey(local.key, "strongroom/v1/root-key")
  })
  const first = roots[0]
  if (first === undefined) throw invalidInput("keys", "at least one root key is needed")
  if (new Set(roots.map((root) => toHex(root.id))).size !== roots.length) {
    throw invalidInput("keys", "the same root key is given twice")
  }

  return {
    fingerprint: toHex(first.id),
    async wrap(key, context) {
      const header = concat(new Uint8Array([version]), first.id)
      const nonce = nonces.take(nonceLength)
      return concat(header, nonce, cipher.seal(first.sealKey, nonce, key, associatedData(header, context)))
    },
    async unwrap(wrapped, context) {
      if (wrapped.length !== blobLength || wrapped[0] !== version) {
        throw new StrongroomError("INTEGRITY", `the wrapped ${context.purpose} is not in a form that localKeys writes`)
      }
      const header = wrapped.subarray(0, headerLength)
      const fingerprint = header.subarray(1)
      const root = roots.find((candidate) => equalConstantTime(candidate.id, fingerprint))
      if (root === undefined) {
        throw new StrongroomError(
          "ROOT_KEY_UNKNOWN",
          `the ${context.purpose} was wrapped by a root key that was not given (fingerprint ${toHex(fingerprint)})`,
          { fingerprint: toHex(fingerprint) },
        )
      }
      const nonce = wrapped.subarray(headerLength, headerLength + nonceLength)
      const sealed = wrapped.subarray(headerLength + nonceLength)
      const key = cipher.open(root.sealKey, nonce, sealed, associatedData(header, context))
      if (key === undefined) {
        throw new StrongroomError(
          "INTEGRITY",
          `the wrapped ${context.purpose} does not open: changed, or of another place`,
        )
      }
      return key
    },
  }
}
