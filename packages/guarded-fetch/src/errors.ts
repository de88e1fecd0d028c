/** Every refusal and failure of a guarded fetch. Stable: a code is never renamed or reused. */
export const guardedFetchErrorCodes = [
  // the request as it was given; nothing was sent
  "TARGET_REFUSED",
  "CLEARTEXT_REFUSED",
  "PLACEHOLDER_UNKNOWN",
  "PLACEHOLDER_MISPLACED",
  // the decision on a secret; not a byte that depends on it was sent
  "RELEASE_REFUSED",
  "VALUE_UNUSABLE",
  // a redirect that is not followed
  "REDIRECT_REFUSED",
  "REDIRECT_LIMIT",
  "BODY_NOT_REPLAYABLE",
  // the network and what came back
  "TRANSPORT_FAILED",
  "RESPONSE_REFUSED",
] as const

export type GuardedFetchErrorCode = (typeof guardedFetchErrorCodes)[number]

/** Facts beside the message: `envKey`, `host`, `place`, `reason`, `cause` (a code such as `ECONNRESET`); never a value. */
export type GuardedFetchErrorDetails = Readonly<Record<string, string>>

/**
 * What {@link GuardedFetch.fetch} rejects with, beside the reason of an aborted signal and the `TypeError` of a malformed
 * `RequestInit`. It has no `cause`: errors of the transport may quote headers and addresses, and so the value.
 */
export class GuardedFetchError extends Error {
  override readonly name = "GuardedFetchError"
  readonly code: GuardedFetchErrorCode
  readonly details: GuardedFetchErrorDetails

  constructor(code: GuardedFetchErrorCode, message: string, details: GuardedFetchErrorDetails = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}
