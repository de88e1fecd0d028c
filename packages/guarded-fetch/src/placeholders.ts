import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto"
import { StrongroomError } from "@strongroom/core"
import { GuardedFetchError } from "./errors.ts"

/** `sr-<ULID of the vault>-<env key>-<MAC>`: unreserved characters only (RFC 3986), so that no encoder changes it. */
const shape = "sr-([0-7][0-9A-HJKMNP-TV-Z]{25})-([A-Za-z_][A-Za-z0-9_]{0,254})-([A-Za-z0-9_-]{22})"
const partial = /s(r(-([0-9a-z]{0,25}|[0-9a-z]{26}(-(\w{0,255}|\w{1,255}-[\w-]{0,21})?)?)?)?)?$/i

/** Whether a text holds something of a placeholder's shape, whatever happened to its case. */
export const looksLikePlaceholder = (text: string): boolean => new RegExp(shape, "i").test(text)

/** Where a placeholder may begin that the text is too short to hold; the text's length if nowhere. */
export const partialPlaceholderAt = (text: string): number => {
  let from = Math.max(0, text.length - 307)
  for (const { index, 0: whole } of text.matchAll(new RegExp(shape, "gi"))) from = Math.max(from, index + whole.length)
  const at = text.slice(from).search(partial)
  return at < 0 ? text.length : from + at
}

export interface Placeholders {
  /** The placeholder of a secret, whether there is one or not. Throws `INVALID_INPUT` unless `envKey` is an env key. */
  of(envKey: string): string
  /** Replaces each placeholder; throws `PLACEHOLDER_UNKNOWN` for one that is not of these. */
  replace(text: string, valueFor: (envKey: string) => string): string
}

/** Whose placeholders they are. */
export interface PlaceholderOwner {
  readonly workspace: string
  readonly principal: string
  /** `vlt_` and a ULID. */
  readonly vault: string
}

// Netstrings: no two lists of parts give the same text.
const lengthPrefixed = (...parts: readonly string[]): string =>
  parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join("")

/**
 * Stateless: a placeholder verifies by its MAC (HMAC-SHA-256, first 16 bytes), which binds key, workspace, principal,
 * vault and env key. Throws `INVALID_INPUT` for a malformed vault id or a key that has not 32 bytes.
 */
export const placeholders = (
  { workspace, principal, vault }: PlaceholderOwner,
  key: Uint8Array = randomBytes(32),
): Placeholders => {
  // A string is a key to Node too, but one with fewer bits; elements of other arrays have more bytes.
  if (!(key instanceof Uint8Array) || key.length !== 32)
    throw new StrongroomError("INVALID_INPUT", "placeholderKey: must be 32 bytes", {
      path: "placeholderKey",
      reason: "must be 32 bytes",
    })
  const ulid = /^vlt_([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(vault)?.[1]
  if (ulid === undefined)
    throw new StrongroomError("INVALID_INPUT", "vault: must be vlt_ and a ULID", {
      path: "vault",
      reason: "must be vlt_ and a ULID",
    })
  const secret = createSecretKey(key)

  const of = (envKey: string): string => {
    const mac = createHmac("sha256", secret)
      .update(lengthPrefixed("strongroom placeholder 1", workspace, principal, vault, envKey))
      .digest()
    return `sr-${ulid}-${envKey}-${mac.toString("base64url", 0, 16)}`
  }

  return {
    of(envKey) {
      if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(envKey))
        throw new StrongroomError(
          "INVALID_INPUT",
          "envKey: must be a letter or _ and then at most 254 of A-Z a-z 0-9 _",
        )
      return of(envKey)
    },

    replace: (text, valueFor) =>
      text.replace(new RegExp(shape, "gi"), (found, _ulid: string, envKey: string) => {
        // Equal lengths: the parts of `found` have the lengths of those that its own placeholder would be made of.
        if (!timingSafeEqual(Buffer.from(found), Buffer.from(of(envKey))))
          throw new GuardedFetchError(
            "PLACEHOLDER_UNKNOWN",
            "a text that looks like a placeholder is none of this guarded fetch",
            { envKey },
          )
        return valueFor(envKey)
      }),
  }
}
