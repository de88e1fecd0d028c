import type { Response } from "express"

/**
 * Answers with JSON, or with no body. Not `res.json`: that hashes the body, values and all, into an ETag, answers 304 to it, and follows
 * the application's JSON settings.
 */
export const send = (res: Response, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  // The application may have answered already, by a timeout of its own.
  if (res.headersSent) return
  res.removeHeader("X-Powered-By")
  if (body === undefined) {
    res.writeHead(status, { ...headers, "Cache-Control": "no-store" })
    res.end()
    return
  }
  const text = JSON.stringify(body)
  res.writeHead(status, {
    ...headers,
    "Cache-Control": "no-store",
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
  })
  res.end(text)
}
