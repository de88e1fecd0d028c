import { once } from "node:events"
import { forwardRouter } from "@strongroom/http-express/forward"
import express from "express"
import { runAgent } from "./agent.ts"
import { type Engine, envKey } from "./engine.ts"
import type { Api } from "./made-up-api.ts"

/** The agent sits in a sandbox: all it has is a token of its own and the address of the forward endpoint. */
const agentIn = async (base: string, token: string, api: string): Promise<readonly string[]> => {
  const post = (path: string, body: unknown) =>
    fetch(base + path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    })

  const made: unknown = await (await post("/placeholders", { env_key: envKey })).json()
  const { placeholder }: { placeholder?: unknown } = Object(made)

  const get = async (url: string, authorization: string): Promise<string> => {
    const response = await post("/forward", { url, headers: { authorization } })
    const text = await response.text()
    if (response.headers.get("strongroom-forward") === "upstream") return `${response.status} ${text}`
    const { code, reason }: { code?: unknown; reason?: unknown } = Object(JSON.parse(text))
    return `refused: ${code} ${reason ?? ""}`
  }
  return runAgent(get, String(placeholder), api)
}

export const runOverHttp = async ({ strongroom, vault, token }: Engine, api: Api): Promise<readonly string[]> => {
  const app = express()
  app.use("/egress", forwardRouter({ strongroom, ...api.connection }))
  const server = app.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  try {
    return await agentIn(`http://127.0.0.1:${address.port}/egress/vaults/${vault}`, token, api.origin)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
