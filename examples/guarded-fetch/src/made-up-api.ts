import { once } from "node:events"
import { createServer } from "node:https"
import { generate } from "selfsigned"

const host = "api.tracker.example"

/** Certificates of an authority that lives as long as this process. */
const certify = async () => {
  const made = { keyType: "ec", algorithm: "sha256", notBeforeDate: new Date(Date.now() - 86_400_000) } as const
  const authority = await generate([{ name: "commonName", value: "An authority made for this example" }], {
    ...made,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true },
    ],
  })
  const server = await generate([{ name: "commonName", value: host }], {
    ...made,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: host }] }],
  })
  return { ca: authority.cert, cert: server.cert, key: server.private }
}

/** An API over HTTPS on this machine, known as `api.tracker.example`. `/echo` answers with what it was sent. */
export const startApi = async () => {
  const { ca, cert, key } = await certify()
  const received: string[] = []
  const server = createServer({ cert, key }, (req, res) => {
    const { method, url, headers } = req
    received.push(`${method} ${url}, authorization: ${headers.authorization}`)
    res.setHeader("content-type", "application/json")
    res.end(JSON.stringify(url === "/echo" ? { authorization: headers.authorization } : [{ id: 7, title: "A bug" }]))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")

  return {
    host,
    origin: `https://${host}:${address.port}`,
    received,
    /** How a connection finds it: the name leads to this machine, and its authority is trusted. */
    connection: {
      ca,
      allowPrivateAddresses: [host],
      resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

export type Api = Awaited<ReturnType<typeof startApi>>
