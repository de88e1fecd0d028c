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
 * `unwrap` rejects with an error whose `code` is `ROOT_KEY_UNKNOWN` when no root key it holds made the blob; every
 * other rejection counts as a passing fault of the provider. The arrays it is given and returns are erased by core.
 */
export interface KeyProvider {
  wrap(key: Uint8Array, context: KeyContext): Promise<Uint8Array>
  unwrap(wrapped: Uint8Array, context: KeyContext): Promise<Uint8Array>
}
