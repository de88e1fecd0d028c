import { once } from "node:events"
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { LookupFunction } from "node:net"
import { generate } from "selfsigned"
import { Agent, fetch as undiciFetch } from "undici"
import type { Transport } from "../../src/index.ts"

/** All on loopback, by a lookup of our own. */
export const hosts = {
  api: "api.allowed.example",
  cdn: "cdn.allowed.example",
  evil: "evil.example",
} as const

/** What reached a server: the truth that the tests assert on. */
export interface Arrived {
  readonly url: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type Handler = (
  request: IncomingMessage & { arrived: Arrived },
  response: ServerResponse,
) => void | Promise<void>

export const newAuthority = async () => {
  const ca = await generate([{ name: "commonName", value: "Test CA" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const leaf = await generate([{ name: "commonName", value: "Test server" }], {
    keyType: "ec",
    algorithm: "sha256",
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      {
        name: "subjectAltName",
        altNames: [...Object.values(hosts), "localhost"].map((value) => ({ type: 2 as const, value })),
      },
    ],
  })
  return { ca: ca.cert, key: leaf.private, cert: leaf.cert }
}

const toLoopback: LookupFunction = (_hostname, options, callback) =>
  options.all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4)

const portOf = (server: Server): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

/** An HTTPS server with a certificate of a CA made now, and one of cleartext, with one handler. */
export const startServers = async (handler: Handler) => {
  const arrived: Arrived[] = []
  const listener = (scheme: string) => async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return // the client broke off
    }
    const one = {
      url: `${scheme}://${request.headers.host?.replace(/:\d+$/, "")}${request.url}`,
      method: request.method ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    }
    arrived.push(one)
    await handler(Object.assign(request, { arrived: one }), response)
  }
  const { ca, key, cert } = await newAuthority()
  const tls = createTlsServer({ key, cert }, listener("https"))
  const clear = createServer(listener("http"))
  for (const server of [tls, clear]) await once(server.listen(0, "127.0.0.1"), "listening")
  const agents = [new Agent({ connect: { ca, lookup: toLoopback } }), new Agent({ connect: { lookup: toLoopback } })]
  const [transport, untrusting] = agents.map(
    (dispatcher): Transport =>
      (url, init) =>
        undiciFetch(url, { ...init, dispatcher }),
  )
  if (transport === undefined || untrusting === undefined) throw new Error("no agents")
  return {
    ca,
    arrived,
    transport,
    /** Does not know the CA. */
    untrusting,
    url: (host: string, path: string) => `https://${host}:${portOf(tls)}${path}`,
    clearUrl: (host: string, path: string) => `http://${host}:${portOf(clear)}${path}`,
    /** All that arrived, for a search. */
    everything: () => JSON.stringify(arrived),
    async close() {
      for (const agent of agents) await agent.destroy()
      for (const server of [tls, clear]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

export type Servers = Awaited<ReturnType<typeof startServers>>
