import { GuardedFetchError } from "./errors.ts"

/** What a transport is given, hop by hop. `redirect` is always `manual`: it must not follow. */
export interface TransportInit {
  method: string
  headers: [string, string][]
  body: Uint8Array | ReadableStream<Uint8Array> | null
  duplex: "half"
  redirect: "manual"
  signal: AbortSignal
}

/** The part of a `Response` that is needed: Node's own has it, and undici's. */
export interface TransportResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: Iterable<[string, string]> & { get(name: string): string | null }
  readonly body: TransportBody | null
}

export interface TransportBody {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
    cancel(reason?: unknown): Promise<void>
  }
}

/** `globalThis.fetch`, undici's `fetch`, or one of yours. It must verify TLS, not follow redirects, and decode bodies. */
export type Transport = (url: string, init: TransportInit) => Promise<TransportResponse>

/** Node's own `fetch`, as it is now. Fails while NODE_TLS_REJECT_UNAUTHORIZED=0 is set, which it would obey. */
export const nodeTransport = (): Transport => {
  const { fetch } = globalThis
  return async (url, init) => {
    if (process.env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0" && url.startsWith("https:"))
      throw Object.assign(new Error("TLS is not verified"), { code: "TLS_VERIFICATION_OFF" })
    return fetch(url, init)
  }
}

/** The first `code` in a chain of causes, if it is a mere identifier: all that is kept of a foreign error. */
const causeCode = (error: unknown): string => {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth++, at = at.cause) {
    if ("code" in at && typeof at.code === "string" && /^[A-Z][A-Z0-9_]{2,63}$/.test(at.code)) return at.code
  }
  return "UNKNOWN"
}

/** What may be shown of a transport's error, which may quote headers and addresses. */
export const transportFault = (error: unknown, signal: AbortSignal, host: string): unknown => {
  if (signal.aborted) return signal.reason
  const cause = causeCode(error)
  return new GuardedFetchError("TRANSPORT_FAILED", `the request to ${host} failed: ${cause}`, { host, cause })
}

/** Gives a body back unread; the connection may go on. */
export const discard = async (body: TransportBody | null): Promise<void> => {
  await body
    ?.getReader()
    .cancel()
    .catch(() => {})
}
