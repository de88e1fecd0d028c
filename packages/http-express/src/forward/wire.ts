import { fields } from "@strongroom/core"
import { Schema } from "effect"
import { RequestError } from "../errors.ts"

const { decodeInput } = fields

const decodeVault = decodeInput(Schema.Struct({ vault_id: fields.VaultId }))
const decodePlaceholder = decodeInput(Schema.Struct({ env_key: fields.EnvKey }))

/** Encoding would replace a lone surrogate in silence. */
const Text = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed() || "must not hold a lone surrogate"))

const decodeForward = decodeInput(
  Schema.Struct({
    url: Text,
    method: Schema.optionalKey(Schema.Literals(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])),
    headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    body: Schema.optionalKey(Text),
    body_base64: Schema.optionalKey(Schema.String),
  }),
)

/** What a connection says of itself (RFC 9110, 7.6.1) or of its route, and is ours to say. `host` would choose another tenant. */
const ownHeaders =
  /^(host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|forwarded|via|proxy-.*|sec-.*)$/

const headersOf = (given: Readonly<Record<string, string>>): Headers => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(given)) {
    try {
      headers.append(name, value)
    } catch {
      throw new RequestError(400, "headers: a name or a value has characters that HTTP does not allow")
    }
    if (ownHeaders.test(name.toLowerCase()))
      throw new RequestError(400, "headers: connection headers are not forwarded")
  }
  return headers
}

const bytesOf = (text: string | undefined, base64: string | undefined): Uint8Array<ArrayBuffer> | undefined => {
  if (base64 === undefined) return text === undefined ? undefined : new TextEncoder().encode(text)
  if (text !== undefined) throw new RequestError(400, "body: give either body or body_base64")
  const bytes = Buffer.from(base64, "base64")
  // Buffer skips what is not base64.
  if (bytes.toString("base64") !== base64) throw new RequestError(400, "body_base64: must be base64 with padding")
  return new Uint8Array(bytes)
}

/** What is asked to be sent upstream. */
export interface ForwardRequest {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer> | undefined
}

export const readVaultId = (params: unknown): string => decodeVault(params).vault_id

export const readEnvKey = (body: unknown): string => decodePlaceholder(body).env_key

/** Refuses with `INVALID_INPUT` or a `RequestError`; neither quotes the request. */
export const readForward = (input: unknown): ForwardRequest => {
  const { url, method = "GET", headers = {}, body: text, body_base64: base64 } = decodeForward(input)
  const body = bytesOf(text, base64)
  if (body !== undefined && (method === "GET" || method === "HEAD")) {
    throw new RequestError(400, "body: GET and HEAD have none")
  }
  return { url, method, headers: headersOf(headers), body }
}
