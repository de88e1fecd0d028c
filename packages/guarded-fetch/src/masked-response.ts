import { GuardedFetchError } from "./errors.ts"
import type { Reflection } from "./reflection.ts"
import type { TransportBody, TransportResponse } from "./transport.ts"

// Those that a WHATWG fetch decodes on every version of Node; what stays encoded cannot be searched. Among several, one that
// undici does not know, identity and the empty one included, leaves all of them undecoded.
const decoded = /^$|^identity$|^(?:(?:br|deflate|gzip|x-gzip)(?: *, *(?=.)|$))+$/i
export const acceptEncoding = "br, gzip, deflate"

const refuseUndecoded = (contentEncoding: string): void => {
  if (decoded.test(contentEncoding)) return
  throw new GuardedFetchError("RESPONSE_REFUSED", "the answer has a content coding that cannot be masked", {
    reason: "content_encoding",
  })
}

// A reason phrase (RFC 9112, 4), which is all that `Response` takes. undici reads it as UTF-8, so that it may hold more.
const presentable = (statusText: string): string => (/^[\t\x20-\x7e\x80-\xff]*$/.test(statusText) ? statusText : "")

const maskedBody = (
  reader: ReturnType<TransportBody["getReader"]>,
  reflection: Reflection | undefined,
  faultOf: (error: unknown) => unknown,
): ReadableStream<Uint8Array> => {
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
 * answer into one that may be shown. Without `reflection` only that is done. Whatever is thrown, the body is given back.
 */
export const maskedResponse = (
  { status, statusText, headers, body }: TransportResponse,
  reflection: Reflection | undefined,
  url: URL,
  redirected: boolean,
  faultOf: (error: unknown) => unknown,
): Response => {
  const reader = body?.getReader()
  try {
    const shown = new Headers()
    for (const [name, value] of headers) {
      if (reflection?.isInName(name)) continue
      shown.append(name, reflection?.masked(value) ?? value)
    }
    if (reader !== undefined) {
      if (reflection !== undefined) refuseUndecoded(headers.get("content-encoding") ?? "")
      // Of the bytes on the wire: the transport has decoded them, and masking changes their number.
      shown.delete("content-encoding")
      shown.delete("content-length")
    }
    const phrase = presentable(statusText)
    const response = new Response(reader && maskedBody(reader, reflection, faultOf), {
      status: status >= 200 && status <= 599 ? status : 200,
      statusText: reflection?.masked(phrase) ?? phrase,
      headers: shown,
    })
    return addressed(response, { url: url.href.replace(/#.*$/, ""), redirected, status })
  } catch (error) {
    reader?.cancel().catch(() => {})
    throw error instanceof GuardedFetchError ? error : faultOf(error)
  }
}
