import { once } from "node:events"
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { createServer } from "node:https"
import { generate } from "selfsigned"

/** A request as it arrived. */
export interface Arrival {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type Behaviour = (arrival: Arrival, res: ServerResponse, req: IncomingMessage) => void

/** Certificates of a made authority for these names. Nothing of them is kept. */
const certify = async (names: readonly string[]) => {
  // selfsigned's validity begins now, to the second; a clock that steps back would refuse it.
  const made = { keyType: "ec", algorithm: "sha256", notBeforeDate: new Date(Date.now() - 86_400_000) } as const
  const authority = await generate([{ name: "commonName", value: "Test CA" }], {
    ...made,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true },
    ],
  })
  const leaf = await generate([{ name: "commonName", value: "upstream" }], {
    ...made,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) }],
  })
  return { ca: authority.cert, key: leaf.private, cert: leaf.cert }
}

/** An HTTPS server on loopback that answers as told and remembers what arrived. */
export const startUpstream = async (names: readonly string[]) => {
  const { ca, key, cert } = await certify(names)
  const arrivals: Arrival[] = []
  let behaviour: Behaviour = (_, res) => void res.end("ok")
  const listener: RequestListener = (req, res) => {
    const chunks: Buffer[] = []
    req.on("data", (chunk: Buffer) => chunks.push(chunk))
    req.on("end", () => {
      const { method = "", url = "", headers } = req
      const arrival = { method, url, headers, body: Buffer.concat(chunks) }
      arrivals.push(arrival)
      behaviour(arrival, res, req)
    })
  }
  const server = createServer({ key, cert }, listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")

  return {
    ca,
    port: address.port,
    arrivals,
    /** How it answers from now on; forgets what arrived. */
    answer(next: Behaviour) {
      behaviour = next
      arrivals.length = 0
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
