import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type RequestListener, request } from "node:http"

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; fails where there is none. */
  readonly json: unknown
}

export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** One HTTP server on a free port. Paths go out as they are, which `fetch` would not do. */
export const serve = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const { port } = address

  const call = (path: string, { method = "GET", headers = {}, body }: Call = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ port, path, method, headers, host: "127.0.0.1", agent: false }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("error", reject)
        incoming.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8")
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            get json() {
              return JSON.parse(text)
            },
          })
        })
      })
      outgoing.on("error", reject)
      outgoing.end(body)
    })

  const stop = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, "close")
  }
  return { port, call, stop }
}
