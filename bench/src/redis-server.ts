import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import { freePort } from "../../test/free-port.ts"

const answers = async (url: string, child: ChildProcess): Promise<boolean> => {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  client.on("error", () => {})
  try {
    while (child.exitCode === null && child.pid !== undefined) {
      const pong = await client.connect().then(
        () => client.ping(),
        () => undefined,
      )
      if (pong === "PONG") return true
      await sleep(50)
    }
    return false
  } finally {
    client.disconnect()
  }
}

/** A server of our own with an append-only file synced once a second, as most run it. */
export const startRedis = async (): Promise<
  { readonly url: string; readonly stop: () => Promise<void> } | undefined
> => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-redis-"))
  const port = await freePort()
  const settings = { port, bind: "127.0.0.1", dir: directory, appendonly: "yes", appendfsync: "everysec", save: "" }
  const child = spawn(
    "redis-server",
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]),
    { stdio: "ignore" },
  )
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve))
  const kill = () => void child.kill("SIGKILL")
  process.once("exit", kill)
  const stop = async () => {
    kill()
    await ended
    process.off("exit", kill)
    await rm(directory, { recursive: true, force: true })
  }
  const url = `redis://127.0.0.1:${port}`
  if (await Promise.race([answers(url, child), ended.then(() => false)])) return { url, stop }
  await stop()
  return undefined
}
