import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { freePort } from "./free-port.ts"
import { root } from "./run.ts"

const token = `ek_live_${"A".repeat(43)}`

/** What the blocks of the documents find in their environment. */
export type DemoVariables = Record<"BASE" | "TOKEN" | "WORKSPACE" | "PROJECT" | "ENVIRONMENT" | "VAULT", string>

/** Starts the example server on memory and a free port; `stop` ends it. */
export async function startDemoServer(): Promise<{ variables: DemoVariables; stop: () => Promise<void> }> {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const server = spawn(process.execPath, [join(root, "examples/server/dist/main.js")], {
    env: {
      ...process.env,
      HOST: "127.0.0.1",
      PORT: `${port}`,
      STRONGROOM_STORAGE: "memory:",
      STRONGROOM_DEMO_TOKEN: token,
    },
    stdio: ["ignore", "ignore", "pipe"],
  })
  const exited = once(server, "exit")
  const stop = async () => {
    server.kill()
    await exited
  }
  let errors = ""
  server.stderr.on("data", (chunk) => {
    errors += chunk
  })

  const getList = async (path: string): Promise<readonly { readonly id: string; readonly name: string }[]> => {
    const response = await fetch(base + path, { headers: { authorization: `Bearer ${token}` } })
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}`)
    return JSON.parse(await response.text())
  }
  const idOf = async (path: string, name: string) => {
    const found = (await getList(path)).find((item) => item.name === name)
    if (found === undefined) throw new Error(`GET ${path}: no ${name}`)
    return found.id
  }
  try {
    while (!(await isHealthy(base))) {
      if (server.exitCode !== null) throw new Error(`the example server ended with ${server.exitCode}: ${errors}`)
      await setTimeout(50)
    }
    const variables = {
      BASE: base,
      TOKEN: token,
      WORKSPACE: "ws_example",
      PROJECT: "prj_example",
      ENVIRONMENT: await idOf("/v1/workspace/ws_example/project/prj_example/environment", "development"),
      VAULT: await idOf("/api/public/v1/vaults", "demo"),
    }
    return { variables, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function isHealthy(base: string): Promise<boolean> {
  try {
    return (await fetch(`${base}/healthz`)).ok
  } catch {
    return false
  }
}
