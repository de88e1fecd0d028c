import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redis, type RedisOptions } from "ioredis"
import { freePort } from "../../../../test/free-port.ts"

/** Lines of redis.conf; the value may hold several words. */
export type Config = Readonly<Record<string, string>>

/** All options but the one that changes the type of a client. */
export type ClientOptions = Omit<RedisOptions, "replyMapping">

/** A `redis-server` process of its own on a loopback port, with its files in a temporary directory. */
export interface Server {
  readonly port: number
  readonly url: string
  readonly directory: string
  /** A new connection that retries nothing, closed by `stopServers`. */
  readonly connect: (options?: ClientOptions) => Redis
  /** One command over a connection that is kept for this. */
  readonly command: (...words: (string | number)[]) => Promise<unknown>
  /** Ends the process and waits for its end; the files stay. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /**
   * Starts it again on the same port and files, with what is given of its configuration changed, and waits until its log
   * says so.
   */
  readonly restart: (changes?: Config, says?: string) => Promise<void>
}

const started = new Set<{ readonly dispose: () => Promise<void> }>()

/** For `afterAll` of every file that starts servers. */
export const stopServers = async (): Promise<void> => {
  const all = [...started]
  started.clear()
  await Promise.all(all.map(({ dispose }) => dispose()))
}

/**
 * Ends the server and removes its files when this process is gone, by whatever: then the pipe ends that nobody writes to.
 */
const guard = (pid: number, directory: string): ChildProcess => {
  const script = 'trap "" HUP; cat >/dev/null; kill -KILL "$1"; rm -rf "$2"'
  const child = spawn("sh", ["-c", script, "sh", `${pid}`, directory], { stdio: ["pipe", "ignore", "ignore"] })
  child.unref()
  return child
}

interface Running {
  readonly end: (signal: NodeJS.Signals) => Promise<void>
}

class AddressInUse extends Error {}

const run = async (config: Config, directory: string, says = "Ready to accept connections"): Promise<Running> => {
  const args = Object.entries(config).flatMap(([name, value]) => [
    `--${name}`,
    ...(value === "" ? [""] : value.split(" ")),
  ])
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "pipe"] })
  if (child.pid === undefined) throw new Error("redis-server cannot be started")
  const guardian = guard(child.pid, directory)
  const closed = once(child, "close")
  let output = ""
  const ready = new Promise<void>((resolve) => {
    const read = (chunk: Buffer) => {
      // Commands under test can fill the log, and only its beginning matters.
      if (output.length < 100_000) output += chunk
      if (output.includes(says)) resolve()
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
  })
  const end = async (signal: NodeJS.Signals) => {
    guardian.kill("SIGKILL")
    child.kill(signal)
    await closed
  }
  const isReady = await Promise.race([ready.then(() => true), closed.then(() => false)])
  if (isReady) return { end }
  await end("SIGKILL")
  if (output.includes("Address already in use")) throw new AddressInUse()
  throw new Error(`redis-server ended: ${output.slice(-2_000)}`)
}

/** A port that was free may be taken before it is used. */
const startOnFreePort = async (config: Config, directory: string) => {
  for (;;) {
    const own: Config = { port: `${await freePort()}`, "cluster-port": `${await freePort()}`, ...config }
    try {
      return { own, running: await run(own, directory) }
    } catch (error) {
      if (error instanceof AddressInUse) continue
      await rm(directory, { recursive: true })
      throw error
    }
  }
}

/** Retries nothing, and talks to a server that still loads its data. */
const plain = { maxRetriesPerRequest: 0, retryStrategy: null, enableReadyCheck: false }

/** Resolves when it accepts commands. Nothing is saved to disk unless the configuration says so. */
export const startServer = async (config: Config = {}): Promise<Server> => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-redis-"))
  const { own, running } = await startOnFreePort(
    { bind: "127.0.0.1", dir: directory, save: "", "enable-debug-command": "yes", ...config },
    directory,
  )
  let current: Config = own
  let process: Running | undefined = running
  let shared: Redis | undefined
  const clients = new Set<Redis>()
  const port = Number(own["port"])

  const connect = (options: ClientOptions = {}): Redis => {
    const client = new Redis({ port, host: "127.0.0.1", ...plain, ...options })
    // Without a listener ioredis prints what its calls report anyway.
    client.on("error", () => {})
    clients.add(client)
    return client
  }
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    await process?.end(signal)
    process = undefined
    shared?.disconnect()
    shared = undefined
  }
  started.add({
    dispose: async () => {
      for (const client of clients) client.disconnect()
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  })
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    connect,
    command: (name, ...args) => {
      const { requirepass = "" } = current
      shared ??= connect(requirepass === "" ? {} : { password: requirepass })
      return shared.call(`${name}`, ...args)
    },
    kill,
    restart: async (changes = {}, says) => {
      await kill()
      current = { ...current, ...changes }
      process = await run(current, directory, says)
    },
  }
}
