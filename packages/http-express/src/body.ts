import { MIMEType } from "node:util"
import express, { type Request, type Response } from "express"
import { RequestError } from "./errors.ts"

const isUtf8Json = (contentType: string): boolean => {
  try {
    const type = new MIMEType(contentType)
    return type.essence === "application/json" && /^utf-?8$/i.test(type.params.get("charset") ?? "utf-8")
  } catch {
    return false
  }
}

const malformed = () => new RequestError(400, "body: must be JSON in UTF-8")
const tooLarge = (limit: number) => new RequestError(413, `body: must be at most ${limit} bytes`)

/**
 * Malformed UTF-8 is refused, never silently replaced. The message of `JSON.parse` quotes its input, and the input holds
 * values: neither message nor cause goes on.
 */
const parse = (body: Uint8Array | string): unknown => {
  try {
    return JSON.parse(typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body))
  } catch {
    throw malformed()
  }
}

/** What body-parser fails with, in our words. */
const readError = (error: unknown, limit: number): RequestError =>
  error instanceof Error && "status" in error && error.status === 413
    ? tooLarge(limit)
    : new RequestError(400, "body: could not be read")

export type ReadBody = (req: Request, res: Response) => Promise<unknown>

/**
 * Gives the JSON of a request's body, or throws a `RequestError` (415, 413, 400). What another parser left in
 * `req.body` is taken: of bytes and text the limit is still checked, of a parsed value only the announced length.
 */
export const bodyReader = (limit: number): ReadBody => {
  const raw = express.raw({ type: () => true, limit })

  const readBytes = (req: Request, res: Response): Promise<unknown> =>
    new Promise((resolve, reject) => {
      // body-parser reads an upload of unannounced length to its end before it refuses it. Here the answer goes out at
      // once; a client that is nearly done can still read it, and one that does not stop is cut off.
      let received = 0
      req.on("data", (chunk: Uint8Array) => {
        received += chunk.length
        if (received > limit) reject(tooLarge(limit))
        if (received > 4 * limit) req.destroy()
      })
      raw(req, res, (error?: unknown) => {
        const bytes: unknown = req.body
        // Error reporters of the application like to attach `req.body`: leave nothing there.
        req.body = undefined
        if (error === undefined) resolve(bytes)
        else reject(readError(error, limit))
      })
    })

  return async (req, res) => {
    if (!isUtf8Json(req.headers["content-type"] ?? "")) {
      throw new RequestError(415, "content-type: must be application/json, in UTF-8")
    }
    if (!/^(identity)?$/i.test(req.headers["content-encoding"] ?? "")) {
      throw new RequestError(415, "content-encoding: must be absent")
    }
    if (Number(req.headers["content-length"]) > limit) throw tooLarge(limit)
    const body: unknown = req.body ?? (await readBytes(req, res))
    if (typeof body === "string" || body instanceof Uint8Array) {
      if (Buffer.byteLength(body) > limit) throw tooLarge(limit)
      return parse(body)
    }
    if (body === undefined) throw malformed()
    return body
  }
}
