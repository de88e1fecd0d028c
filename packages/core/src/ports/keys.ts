/** What a wrapped key belongs to. Every field is bound to the wrapped key: unwrapping under another context must fail. */
export interface KeyContext {
  readonly purpose: "workspace-key" | "directory-key"
  readonly storeId: string
  /** The workspace's id; empty for the directory. */
  readonly workspaceId: string
}

/**
 * The root of trust: wraps one 32-byte key per workspace and one for the directory, so a KMS is called once per
 * workspace and process, not once per secret.
 *
 * `unwrap` rejects with an error whose `code` is `ROOT_KEY_UNKNOWN` when no root key it holds made the blob, and
 * `INTEGRITY` when the blob was changed or belongs elsewhere; every other rejection is a passing fault. The arrays it is given and returns are erased by core.
 */
export interface KeyProvider {
  /** A public name of the root key that wraps now, such as a fingerprint or a KMS key id. Kept in the store's marker. */
  readonly fingerprint: string
  wrap(key: Uint8Array, context: KeyContext): Promise<Uint8Array>
  unwrap(wrapped: Uint8Array, context: KeyContext): Promise<Uint8Array>
}
