import { GuardedFetchError } from "./errors.ts"
import type { Masker } from "./masker.ts"

/** The part of a `Response` that is needed: Node's own has it, and undici's. */
export interface TransportResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: Iterable<[string, string]> & { get(name: string): string | null }
  readonly body: TransportBody | null
}

interface TransportBody {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
    cancel(reason?: unknown): Promise<void>
  }
}

export interface Masking {
  /** Secrets in a text of bytes in Latin-1, as header values are. */
  text(text: string): string
  /** Whether a header's name, which is lower case, has a secret in it. */
  inName(name: string): boolean
  /** A masker for one body. */
  start(): Masker
}

// Those that a WHATWG fetch decodes on every version of Node; what stays encoded cannot be searched.
const decoded = new Set(["", "br", "deflate", "gzip", "identity", "x-gzip"])
export const acceptEncoding = "br, gzip, deflate"

const refuseUndecoded = (contentEncoding: string, body: TransportBody): void => {
  if (contentEncoding.split(",").every((coding) => decoded.has(coding.trim().toLowerCase()))) return
  void body
    .getReader()
    .cancel()
    .catch(() => {})
  throw new GuardedFetchError("RESPONSE_REFUSED", "the answer has a content coding that cannot be masked", {
    reason: "content_encoding",
  })
}

const maskedBody = (
  body: TransportBody,
  masking: Masking | undefined,
  faultOf: (error: unknown) => unknown,
): ReadableStream<Uint8Array> => {
  const reader = body.getReader()
  const masker = masking?.start()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // Until there is something to hand on: a pull that brings nothing is not followed by another.
          for (;;) {
            const { done, value } = await reader.read()
            const input = value instanceof Uint8Array ? value : undefined
            const output = done ? masker?.end() : input && (masker?.push(input) ?? input)
            if (output !== undefined && output.length > 0) controller.enqueue(output)
            if (done) return controller.close()
            if (output !== undefined && output.length > 0) return
          }
        } catch (error) {
          controller.error(faultOf(error))
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

interface Address {
  readonly url: string
  readonly redirected: boolean
  readonly status: number
}

/** `Response` has no public way to be given an address, nor a status such as 999, which servers do send. */
const addressed = (response: Response, address: Address): Response => {
  const clone = response.clone.bind(response)
  return Object.defineProperties(response, {
    url: { value: address.url },
    redirected: { value: address.redirected },
    status: { value: address.status },
    ok: { value: address.status >= 200 && address.status <= 299 },
    clone: { value: () => addressed(clone(), address) },
  })
}

/**
 * The answer as the caller sees it, with masked status text, headers and body. `faultOf` turns an error of the transport's
 * body into one that may be shown. Without `masking` only that is done.
 */
export const maskedResponse = (
  { status, statusText, headers, body }: TransportResponse,
  masking: Masking | undefined,
  address: Omit<Address, "status">,
  faultOf: (error: unknown) => unknown,
): Response => {
  const shown = new Headers()
  for (const [name, value] of headers) {
    if (masking?.inName(name)) continue
    shown.append(name, masking?.text(value) ?? value)
  }
  if (body !== null) {
    if (masking !== undefined) refuseUndecoded(headers.get("content-encoding") ?? "", body)
    // Of the bytes on the wire: the transport has decoded them, and masking changes their number.
    shown.delete("content-encoding")
    shown.delete("content-length")
  }
  const response = new Response(body && maskedBody(body, masking, faultOf), {
    status: status >= 200 && status <= 599 ? status : 200,
    statusText: masking?.text(statusText) ?? statusText,
    headers: shown,
  })
  return addressed(response, { ...address, status })
}
