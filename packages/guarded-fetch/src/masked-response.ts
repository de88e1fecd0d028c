import { GuardedFetchError } from "./errors.ts"
import type { Reflection } from "./reflection.ts"
import { discard, type TransportBody, type TransportResponse } from "./transport.ts"

// Those that a WHATWG fetch decodes on every version of Node; what stays encoded cannot be searched. Among several, one that
// undici does not know, identity and the empty one included, leaves all of them undecoded.
const decoded = /^$|^identity$|^(?:(?:br|deflate|gzip|x-gzip)(?: *, *(?=.)|$))+$/i
export const acceptEncoding = "br, gzip, deflate"

const refuseUndecoded = (contentEncoding: string, body: TransportBody): void => {
  if (decoded.test(contentEncoding)) return
  void discard(body)
  throw new GuardedFetchError("RESPONSE_REFUSED", "the answer has a content coding that cannot be masked", {
    reason: "content_encoding",
  })
}

const maskedBody = (
  body: TransportBody,
  reflection: Reflection | undefined,
  faultOf: (error: unknown) => unknown,
): ReadableStream<Uint8Array> => {
  const reader = body.getReader()
  const masker = reflection?.start()
  return new ReadableStream<Uint8Array>({
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
  })
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
 * body into one that may be shown. Without `reflection` only that is done.
 */
export const maskedResponse = (
  { status, statusText, headers, body }: TransportResponse,
  reflection: Reflection | undefined,
  url: URL,
  redirected: boolean,
  faultOf: (error: unknown) => unknown,
): Response => {
  const shown = new Headers()
  for (const [name, value] of headers) {
    if (reflection?.isInName(name)) continue
    shown.append(name, reflection?.masked(value) ?? value)
  }
  if (body !== null) {
    if (reflection !== undefined) refuseUndecoded(headers.get("content-encoding") ?? "", body)
    // Of the bytes on the wire: the transport has decoded them, and masking changes their number.
    shown.delete("content-encoding")
    shown.delete("content-length")
  }
  const response = new Response(body && maskedBody(body, reflection, faultOf), {
    status: status >= 200 && status <= 599 ? status : 200,
    statusText: reflection?.masked(statusText) ?? statusText,
    headers: shown,
  })
  return addressed(response, { url: url.href.replace(/#.*$/, ""), redirected, status })
}
