import { once } from "node:events"
import { createConnection, createServer, type Socket } from "node:net"
import { setTimeout as delay } from "node:timers/promises"

/**
 * What happens to a command on its way.
 *
 * - `cut-before`: the connection breaks, the server never sees it
 * - `cut-half`: the server sees half of it, then the connection breaks
 * - `cut-after`: the server sees it, and the connection breaks at once
 * - `drop-reply`: the connection breaks when the server's reply arrives, which is lost
 * - `swallow-reply`: the reply is lost, and the connection stays, silent
 * - `delay-reply`: the reply comes `replyDelay` milliseconds later
 */
export const proxyFaults = [
  "cut-before",
  "cut-half",
  "cut-after",
  "drop-reply",
  "swallow-reply",
  "delay-reply",
] as const
export type ProxyFault = (typeof proxyFaults)[number]

export interface TestProxy {
  readonly port: number
  /** How often each fault happened: assert on it. */
  readonly happened: Readonly<Record<ProxyFault, number>>
  /** Names of the commands that came, in lower case and in order. */
  readonly commands: string[]
  /** Chosen for each command by its name; `undefined` lets it pass. */
  plan: (command: string) => ProxyFault | undefined
  readonly close: () => Promise<void>
}

const replyDelay = 200

interface Request {
  readonly name: string
  readonly bytes: Buffer
}

/** Cuts a stream of requests, arrays of bulk strings (https://redis.io/docs/latest/develop/reference/protocol-spec/), into commands. */
const requestCutter = () => {
  let pending = Buffer.alloc(0)
  const lineAt = (at: number): [text: string, next: number] | undefined => {
    const end = pending.indexOf("\r\n", at)
    return end < 0 ? undefined : [pending.toString("latin1", at, end), end + 2]
  }
  const next = (): Request | undefined => {
    const head = lineAt(0)
    if (head === undefined) return undefined
    let [, at] = head
    let name = ""
    for (let i = 0; i < Number(head[0].slice(1)); i++) {
      const length = lineAt(at)
      if (length === undefined) return undefined
      const start = length[1]
      at = start + Number(length[0].slice(1)) + 2
      if (at > pending.length) return undefined
      if (i === 0) name = pending.toString("latin1", start, at - 2).toLowerCase()
    }
    const bytes = pending.subarray(0, at)
    pending = pending.subarray(at)
    return { name, bytes }
  }
  return (chunk: Buffer): Request[] => {
    pending = Buffer.concat([pending, chunk])
    const requests: Request[] = []
    for (let request = next(); request !== undefined; request = next()) requests.push(request)
    return requests
  }
}

/** A TCP proxy before a server on loopback, through which everything passes until there is a plan. */
export const startProxy = async (target: number): Promise<TestProxy> => {
  const sockets = new Set<Socket>()
  const happened: Record<ProxyFault, number> = {
    "cut-before": 0,
    "cut-half": 0,
    "cut-after": 0,
    "drop-reply": 0,
    "swallow-reply": 0,
    "delay-reply": 0,
  }
  const server = createServer((client) => {
    const upstream = createConnection(target, "127.0.0.1")
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
    }
    client.on("close", () => upstream.end())
    upstream.on("close", () => client.destroy())
    const cut = requestCutter()
    let fate: "pass" | "drop" | "swallow" | "delay" = "pass"
    let replies = Promise.resolve()

    const forward = ({ name, bytes }: Request): void => {
      proxy.commands.push(name)
      const fault = client.destroyed ? undefined : proxy.plan(name)
      if (fault !== undefined) happened[fault]++
      if (client.destroyed || fault === "cut-before") return void client.destroy()
      upstream.write(fault === "cut-half" ? bytes.subarray(0, bytes.length >> 1) : bytes)
      // Not upstream as well: what it was sent it shall read.
      if (fault === "cut-half" || fault === "cut-after") client.destroy()
      if (fault === "drop-reply") fate = "drop"
      if (fault === "swallow-reply") fate = "swallow"
      if (fault === "delay-reply") fate = "delay"
    }
    client.on("data", (chunk) => cut(chunk).forEach(forward))
    upstream.on("data", (chunk) => {
      if (fate === "drop") return void client.destroy()
      if (fate === "swallow") return
      const late = fate === "delay"
      fate = "pass"
      replies = replies.then(async () => {
        if (late) await delay(replyDelay)
        if (!client.destroyed) client.write(chunk)
      })
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const proxy: TestProxy = {
    port: address.port,
    happened,
    commands: [],
    plan: () => undefined,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
  return proxy
}
