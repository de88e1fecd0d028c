import { once } from "node:events"
import { createServer, type RequestListener, type Server } from "node:http"
import type { Logger, Strongroom } from "@strongroom/core"
import { secretsRouter } from "@strongroom/http-express"
import express from "express"
import { Failure } from "./failure.ts"

export const createApp = (strongroom: Strongroom, logger: Logger): RequestListener => {
  const app = express().disable("x-powered-by")
  app.get("/healthz", async (_req, res) => {
    const status = await strongroom.ping().then(
      () => 200,
      () => 503,
    )
    res.status(status).json({ status: status === 200 ? "ok" : "storage cannot be read" })
  })
  app.use(secretsRouter({ strongroom, logger }))
  return app
}

/** Takes the port at once; requests wait until there is an application to serve them. */
export const listen = async (app: Promise<RequestListener>, port: number, host: string): Promise<Server> => {
  const server = createServer(async (req, res) => (await app)(req, res))
  server.listen(port, host)
  try {
    await once(server, "listening")
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown error"
    const reason = code === "EADDRINUSE" ? "it is in use" : code
    throw new Failure(`Cannot listen on port ${port} of ${host}: ${reason}.`)
  }
  return server
}

export const baseUrl = (server: Server): string => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("not listening on a port")
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`
}

/** Lets the requests that have begun come to their end, for at most `grace` milliseconds. */
export const drain = async (server: Server, grace: number): Promise<void> => {
  const closed = once(server, "close")
  server.close()
  // A connection that is kept alive becomes idle only when its last answer is out.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const late = setTimeout(() => server.closeAllConnections(), grace)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}
