import { isStrongroomError } from "@strongroom/core"
import { GuardedFetchError, type GuardedFetchErrorCode } from "@strongroom/guarded-fetch"
import { describe, RequestError } from "../errors.ts"
import { nairiErrors } from "../nairi/errors.ts"

/** What this router itself refuses or runs into, beside the errors of the engine and of guarded fetch. */
const statuses = {
  NO_PLACEHOLDER: 400,
  ADDRESS_NOT_PUBLIC: 403,
  TOO_MANY_FORWARDS: 429,
  // told to nobody
  CLIENT_GONE: 499,
  RESPONSE_TOO_LARGE: 502,
  TIMEOUT: 504,
} as const

export class ForwardError extends Error {
  override readonly name = "ForwardError"
  readonly code: keyof typeof statuses

  constructor(code: keyof typeof statuses, message: string) {
    super(message)
    this.code = code
  }
}

/** 400: the request; 403: the decision; 502: the upstream. */
const guardedStatuses: Readonly<Record<GuardedFetchErrorCode, number>> = {
  TARGET_REFUSED: 400,
  CLEARTEXT_REFUSED: 400,
  PLACEHOLDER_UNKNOWN: 400,
  PLACEHOLDER_MISPLACED: 400,
  RELEASE_REFUSED: 403,
  VALUE_UNUSABLE: 400,
  REDIRECT_REFUSED: 502,
  REDIRECT_LIMIT: 502,
  BODY_NOT_REPLAYABLE: 502,
  TRANSPORT_FAILED: 502,
  RESPONSE_REFUSED: 502,
}

const requestCodes: Readonly<Record<number, string>> = { 413: "REQUEST_TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE" }

export interface ForwardAnswer {
  readonly status: number
  readonly body: { readonly error: string; readonly code: string; readonly reason?: string }
  readonly headers: Readonly<Record<string, string>>
}

/** What may be told of an error that guarded fetch has wrapped. */
const unwrapped = (error: unknown): unknown =>
  error instanceof GuardedFetchError && error.details["cause"] === "ADDRESS_NOT_PUBLIC"
    ? new ForwardError("ADDRESS_NOT_PUBLIC", `${error.details["host"]} leads to an address that is not public`)
    : error

const reasonIn = ({ reason, cause }: Readonly<Record<string, unknown>>) => {
  const code = reason ?? cause
  return typeof code === "string" ? { reason: code } : {}
}

const requestCode = (error: unknown): string =>
  error instanceof RequestError ? (requestCodes[error.status] ?? "INVALID_INPUT") : "INTERNAL"

const told = (error: unknown): ForwardAnswer => {
  if (error instanceof ForwardError) {
    const { code, message } = error
    const headers = code === "TOO_MANY_FORWARDS" ? { "Retry-After": "1" } : {}
    return { status: statuses[code], body: { error: message, code }, headers }
  }
  if (error instanceof GuardedFetchError) {
    const { code, message, details } = error
    return { status: guardedStatuses[code], body: { error: message, code, ...reasonIn(details) }, headers: {} }
  }
  const { status, text, headers = {} } = describe(nairiErrors, error)
  if (!isStrongroomError(error)) return { status, body: { error: text, code: requestCode(error) }, headers }
  const reason = error.code === "RELEASE_DENIED" ? reasonIn(error.details) : {}
  return { status, body: { error: text, code: error.code, ...reason }, headers }
}

/** An error in the words of this API. What is not known is `INTERNAL`, told by no more than that. */
export const answerTo = (error: unknown): ForwardAnswer => told(unwrapped(error))
