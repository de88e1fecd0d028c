/**
 * Suite 1: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). 32-byte key, 24-byte nonce, 16-byte tag after the ciphertext.
 *
 * Both calls are synchronous on purpose: no other code runs between taking a key and using it.
 */
export interface Cipher {
  /** With `output`, 16 bytes longer than the plaintext and no part of it, the result is written there and is `output`. */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    output?: Uint8Array,
  ): Uint8Array
  /** `undefined` when the tag does not verify or the input is shorter than a tag. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array | undefined
}
