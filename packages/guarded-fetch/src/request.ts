import { GuardedFetchError } from "./errors.ts"
import { parseTarget } from "./redirects.ts"
import { type Hop, refuseIn } from "./substitute.ts"

export type RequestLike = string | URL | Request

/** Of the types that a body may have, streams alone have this; Node takes any async iterable. */
const isStream = (body: RequestInit["body"]): boolean =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body

const addressOf = (input: RequestLike): string =>
  typeof input === "string" ? input : input instanceof URL ? input.href : input.url

const refuse = (reason: string, message: string) => new GuardedFetchError("TARGET_REFUSED", message, { reason })

/**
 * Reads the caller's request. Strings, parameters, forms, blobs and buffers are read into memory, so that they can be
 * searched and sent again; streams, and the body of a `Request`, stay streams. Throws `TypeError` as `new Request` does.
 */
export const readRequest = async (
  input: RequestLike,
  init: RequestInit | undefined,
  allowCleartext: boolean,
): Promise<{ hop: Hop; redirect: Request["redirect"]; signal: AbortSignal }> => {
  const url = parseTarget(addressOf(input), undefined, allowCleartext)
  const request = new Request(input, isStream(init?.body) ? { ...init, duplex: "half" } : init)
  const { method, headers, redirect, signal } = request
  signal.throwIfAborted()
  if (request.integrity !== "") throw refuse("integrity", "integrity is not supported: masking changes the body")
  // Behind a shared front, TLS proves one name and Host chooses another.
  if ((headers.get("host") ?? url.host) !== url.host) throw refuse("host_header", "Host differs from the URL's host")
  headers.delete("host")
  if (init?.body == null || isStream(init.body))
    return { hop: { url, method, headers, body: request.body }, redirect, signal }
  if (init.body instanceof FormData) refuseInNames(init.body)
  // The transport counts what is sent in the end.
  headers.delete("content-length")
  return { hop: { url, method, headers, body: new Uint8Array(await request.arrayBuffer()) }, redirect, signal }
}

/** A value in the quotes of a part's header could end them. */
const refuseInNames = (form: FormData): void => {
  for (const [name, value] of form) {
    refuseIn("name of a form field", name)
    if (typeof value !== "string") refuseIn("name of a file", value.name)
  }
}
