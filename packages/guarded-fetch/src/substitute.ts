import { GuardedFetchError } from "./errors.ts"
import { looksLikePlaceholder, type Placeholders, partialPlaceholderAt } from "./placeholders.ts"

/** Where placeholders are replaced, beside header values. */
export interface SubstitutePlaces {
  readonly query?: boolean
  readonly body?: boolean
}

/** A request with its placeholders: what one hop of a redirect chain starts from. */
export interface Hop {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  /** Bytes can be sent again after a redirect, a stream cannot. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null
}

/** A hop as it goes over the wire. */
export interface WireRequest {
  readonly url: string
  readonly headers: [string, string][]
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null
}

type ValueFor = (envKey: string) => string

const misplaced = (place: string): GuardedFetchError =>
  new GuardedFetchError("PLACEHOLDER_MISPLACED", `a placeholder is not replaced in the ${place}`, { place })

export const unusable = (envKey: string, place: string): GuardedFetchError =>
  new GuardedFetchError("VALUE_UNUSABLE", `the value of ${envKey} has characters that the ${place} cannot carry`, {
    envKey,
    place,
  })

/** Throws `PLACEHOLDER_MISPLACED` if there is a placeholder where none is replaced. */
export const refuseIn = (place: string, text: string): void => {
  if (looksLikePlaceholder(text)) throw misplaced(place)
}

// Bytes as text, one character each, so that texts in any encoding can be searched and joined.
const toLatin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
const utf8AsLatin1 = (text: string): string => Buffer.from(text).toString("latin1")

/** RFC 9110, section 5.5; fetch sends U+0080–U+00FF as one byte each, and white space at the ends is no part of a value. */
const inHeader = (envKey: string, value: string): string => {
  if (/^[\t ]|[^\t\x20-\x7e\x80-\xff]|[\t ]$/.test(value)) throw unusable(envKey, "header")
  return value
}

/** RFC 7617: user-id and password have no control characters; UTF-8 is the one charset that it names. */
const inBasic = (envKey: string, value: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\x00-\x1f\x7f]/.test(value)) throw unusable(envKey, "header")
  return utf8AsLatin1(value)
}

const headerValue = (name: string, value: string, placeholders: Placeholders, valueFor: ValueFor): string => {
  const basic = name.endsWith("authorization") ? /^basic +([\w+/-]+=*)$/i.exec(value)?.[1] : undefined
  const credentials = basic === undefined ? "" : Buffer.from(basic, "base64").toString("latin1")
  if (!looksLikePlaceholder(credentials))
    return placeholders.replace(value, (envKey) => inHeader(envKey, valueFor(envKey)))
  const replaced = placeholders.replace(credentials, (envKey) => inBasic(envKey, valueFor(envKey)))
  return `Basic ${Buffer.from(replaced, "latin1").toString("base64")}`
}

/** How a value is written into a body of that media type, as bytes in Latin-1. */
const bodyEncoder = (contentType: string): ((value: string) => string) => {
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? ""
  if (mediaType === "application/x-www-form-urlencoded") return encodeURIComponent
  if (mediaType === "application/json" || mediaType.endsWith("+json"))
    return (value) => utf8AsLatin1(JSON.stringify(value).slice(1, -1))
  return utf8AsLatin1
}

/**
 * Writes the values into a request. `valueFor` is asked for each placeholder; throws `GuardedFetchError` where there is a
 * placeholder that is unknown or not replaced, and where a place cannot carry the value. A stream is passed on as it is.
 */
export const substitute = (
  { url, method, headers, body }: Hop,
  places: SubstitutePlaces,
  placeholders: Placeholders,
  valueFor: ValueFor,
): WireRequest => {
  refuseIn("method", method)
  refuseIn("host", url.hostname)
  refuseIn("path", url.pathname)
  const target = new URL(url)
  target.hash = ""
  if (!places.query) refuseIn("query", url.search)
  else target.search = placeholders.replace(url.search, (envKey) => encodeURIComponent(valueFor(envKey)))
  return {
    url: target.href,
    headers: [...headers].map(([name, value]) => {
      refuseIn("header name", name)
      return [name, headerValue(name, value, placeholders, valueFor)]
    }),
    body: body instanceof Uint8Array ? bodyBytes(body, headers, places, placeholders, valueFor) : body,
  }
}

const bodyBytes = (
  body: Uint8Array,
  headers: Headers,
  places: SubstitutePlaces,
  placeholders: Placeholders,
  valueFor: ValueFor,
): Uint8Array => {
  const text = toLatin1(body)
  if (!looksLikePlaceholder(text)) return body
  if (!places.body) throw misplaced("body")
  const encode = bodyEncoder(headers.get("content-type") ?? "")
  return Buffer.from(
    placeholders.replace(text, (envKey) => encode(valueFor(envKey))),
    "latin1",
  )
}

/**
 * Replaces placeholders in a stream, also across chunk borders; at most 307 bytes are held back. `valueFor` is asked when
 * one has come: if it rejects, so does the stream, and the value has not been sent. `noteFault` is told of every refusal,
 * which the reader of the stream may wrap or swallow.
 */
export const substituteStream = (
  contentType: string,
  placeholders: Placeholders,
  valueFor: (envKey: string) => Promise<string>,
  noteFault: (error: unknown) => void,
): TransformStream<Uint8Array, Uint8Array> => {
  const encode = bodyEncoder(contentType)
  let held = ""
  const withValues = async (text: string): Promise<Uint8Array> => {
    const values = new Map<string, string>()
    placeholders.replace(text, (envKey) => {
      values.set(envKey, "")
      return ""
    })
    for (const envKey of values.keys()) values.set(envKey, encode(await valueFor(envKey)))
    return Buffer.from(
      placeholders.replace(text, (envKey) => values.get(envKey) ?? ""),
      "latin1",
    )
  }
  const replaced = (text: string) =>
    withValues(text).catch((error: unknown) => {
      noteFault(error)
      throw error
    })
  return new TransformStream({
    async transform(chunk, controller) {
      const text = held + toLatin1(chunk)
      const end = partialPlaceholderAt(text)
      held = text.slice(end)
      if (end > 0) controller.enqueue(await replaced(text.slice(0, end)))
    },
    async flush(controller) {
      if (held !== "") controller.enqueue(await replaced(held))
    },
  })
}
