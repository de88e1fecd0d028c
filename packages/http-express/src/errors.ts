import { type EngineError, type ErrorCode, isStrongroomError } from "@strongroom/core"

/** A request that is refused before the engine sees it. Its message never quotes the request. */
export class RequestError extends Error {
  override readonly name = "RequestError"
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface ErrorAnswer {
  readonly status: number
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What an API answers to each of the engine's errors. */
export type ErrorTable = Readonly<Record<ErrorCode, (error: EngineError) => ErrorAnswer>>

/** The engine's own words, which name keys and ids and never a value. */
export const told =
  (status: number) =>
  ({ message }: EngineError): ErrorAnswer => ({ status, text: message })

/** Fixed words, where the API's documentation gives them or a code says enough. */
export const fixed = (status: number, text: string) => (): ErrorAnswer => ({ status, text })

const internal = ({ code }: { readonly code: ErrorCode }): ErrorAnswer => ({
  status: 500,
  text: `internal error: ${code}`,
})

/**
 * `<path>: <reason>`, the path as `wirePath` spells it; an empty one is the body itself. A malformed principal is the
 * application's fault and not the client's.
 */
export const invalid =
  (wirePath: (path: string) => string) =>
  (error: EngineError): ErrorAnswer => {
    const { path, reason } = error.details
    if (typeof path !== "string" || typeof reason !== "string") return { status: 400, text: error.message }
    if (/^principal(\.|\[|$)/.test(path)) return internal(error)
    return { status: 400, text: `${wirePath(path) || "body"}: ${reason}` }
  }

const notApplied = ({ code }: EngineError): ErrorAnswer => ({
  status: 503,
  text: `storage cannot serve this now and nothing was changed: ${code}`,
  headers: { "Retry-After": "1" },
})

/** Common to both APIs: who asks, and faults of the store, of the keys or of ours, told by their code alone. */
export const commonErrors = {
  UNAUTHENTICATED: () => ({
    status: 401,
    text: "credentials are missing, malformed, unknown, expired or revoked",
    headers: { "WWW-Authenticate": "Bearer" },
  }),
  RELEASE_DENIED: told(403),
  STORAGE_UNAVAILABLE: notApplied,
  STORAGE_BUSY: notApplied,
  OUTCOME_UNKNOWN: fixed(
    503,
    "outcome unknown: the request was applied as a whole or not at all; read before you repeat it",
  ),
  CLOSED: fixed(503, "shutting down, nothing was changed: CLOSED"),
  STORAGE_FAILED: internal,
  INTEGRITY: internal,
  KEYSET_MISSING: internal,
  KEYSET_ROLLED_BACK: internal,
  FORMAT_UNSUPPORTED: internal,
  ROOT_KEY_UNKNOWN: internal,
  KEY_PROVIDER_FAILED: internal,
  INTERNAL: internal,
} satisfies Partial<ErrorTable>

export const describe = (errors: ErrorTable, error: unknown): ErrorAnswer => {
  if (error instanceof RequestError) return { status: error.status, text: error.message }
  return isStrongroomError(error) ? errors[error.code](error) : internal({ code: "INTERNAL" })
}

/** What may be logged. The message of an error that is not ours might quote what it failed on, so it is cut off. */
export const loggable = (error: unknown): Readonly<Record<string, unknown>> => {
  if (isStrongroomError(error)) return { code: error.code, details: error.details }
  if (!(error instanceof Error)) return { code: "INTERNAL" }
  const head = `${error.name}: ${error.message}`
  const stack = error.stack?.startsWith(head) ? error.stack.slice(head.length) : undefined
  return { code: "INTERNAL", name: error.name, stack }
}
