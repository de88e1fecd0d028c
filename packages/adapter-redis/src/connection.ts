import { Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { type CallOptions, type Logger, StorageError } from "@strongroom/core"
import { type Cluster, Command, type Redis } from "ioredis"
import { commitFailure, isRefusal, isTimeout, readFailure, replyOf } from "./errors.ts"
import { type Argument, encodeCommand, headOf } from "./resp.ts"
import type { Script } from "./scripts.ts"
import { inspectServer, type ServerReport } from "./server-check.ts"

/** How long a call waits for a connection that is down before it answers `UNAVAILABLE`, ms. Nothing was sent by then. */
const reconnectMs = 5_000
const pollMs = 20

export interface Call extends Pick<CallOptions, "signal"> {
  /** Whether it may change something, so that losing its answer leaves its outcome unknown. */
  readonly writes: boolean
  /** Its bytes have just been written to this socket. A redirected call is written more than once. */
  readonly onSent?: (socket: object) => void
}

/** What Redis takes from a socket at a time. */
const gatheredBytes = 16 << 10

/** What is written in one turn of the event loop goes out together, by one system call. */
const gather = (socket: object): void => {
  if (!(socket instanceof Writable)) return
  if (socket.writableCorked === 0) {
    socket.cork()
    process.nextTick(() => socket.uncork())
  } else if (socket.writableLength >= gatheredBytes) {
    // The server shall not idle while the rest is made.
    socket.uncork()
    socket.cork()
  }
}

/** Knows whether the server may have run it. */
class TrackedCommand extends Command {
  // ioredis would publish the arguments, record bytes among them, to tracers.
  override isTraced = true
  /** Where it was written, unless the server refused it there. */
  socket: object | undefined
  onSent: Call["onSent"]
  readonly #encoded: Buffer | undefined

  /** `args` may be the first alone where it is `encoded`: a cluster wants to know the first key. */
  constructor(name: string, args: (string | number)[], encoded?: Buffer) {
    super(name, args, { replyEncoding: null })
    this.#encoded = encoded
  }

  override toWritable(socket: object): string | Buffer {
    this.socket = socket
    this.onSent?.(socket)
    gather(socket)
    return this.#encoded ?? super.toWritable(socket)
  }

  sendBy(client: Redis | Cluster): Promise<unknown> {
    client.sendCommand(this)
    const reject = this.reject
    this.reject = (error) => {
      if (isRefusal(error)) this.socket = undefined
      reject(error)
    }
    return this.promise
  }
}

/** A client of our own that sends nothing twice, and knows what was sent. */
export class Connection {
  readonly #client: Redis | Cluster
  readonly #logger: Logger | undefined
  /** Servers that were found unfit when their connection came back. */
  readonly #unfit = new Set<Redis>()
  readonly #warned = new Set<string>()
  #lastError: unknown
  /** Until then a rejection tells what fails. */
  #opened = false
  #closed = false

  private constructor(client: Redis | Cluster, logger: Logger | undefined) {
    this.#client = client
    this.#logger = logger
    client.on("connect", () => {
      this.#lastError = undefined
    })
    // Without a listener ioredis prints errors, and a rejected SELECT is told in no other way.
    client.on("error", (error: unknown) => {
      this.#lastError = error
      if (this.#opened) this.#warn(readFailure(error).message)
    })
  }

  /** Connects, and inspects every master. Rejects, with nothing left open, where one is unfit. */
  static async open(
    client: Redis | Cluster,
    logger: Logger | undefined,
  ): Promise<{ connection: Connection; reports: readonly ServerReport[] }> {
    const connection = new Connection(client, logger)
    try {
      await connection.#ready(Date.now() + reconnectMs, undefined)
      const masters = "nodes" in client ? client.nodes("master") : [client]
      const reports = (await Promise.all(masters.map((master) => connection.#inspect(master)))).filter(
        (report) => report !== undefined,
      )
      if (reports.length === 0) throw new StorageError("FATAL", "the server is a replica, not the master")
      for (const node of connection.#nodes()) connection.#watch(node)
      if ("nodes" in client) client.on("+node", (node: Redis) => connection.#watch(node))
      connection.#opened = true
      return { connection, reports }
    } catch (error) {
      client.disconnect()
      throw error
    }
  }

  /**
   * Runs a script, in one round trip if the server knows it. Sends it again only where nothing of it can have run:
   * it was never written to a socket, or the server has refused it.
   */
  async run(script: Script, keys: readonly string[], args: readonly Argument[], call: Call): Promise<unknown> {
    const deadline = Date.now() + reconnectMs
    const rest = [keys.length, ...keys, ...args]
    const head = (command: string, text: string) => headOf(rest.length + 2, [command, text])
    const bySha = head("evalsha", script.sha)
    const encoded = encodeCommand(bySha, rest)
    for (let known = true; ; ) {
      if (!this.#isReady(call.signal)) await this.#ready(deadline, call.signal)
      for (const server of this.#unfit) await this.#inspect(server)
      const command = known
        ? new TrackedCommand("evalsha", [script.sha, 1, ...keys.slice(0, 1)], encoded)
        : new TrackedCommand(
            "eval",
            [script.source, 1, ...keys.slice(0, 1)],
            Buffer.concat([Buffer.from(head("eval", script.source)), encoded.subarray(bySha.length)]),
          )
      command.onSent = call.onSent
      try {
        return await abortable(command.sendBy(this.#client), call)
      } catch (error) {
        if (error instanceof StorageError) throw error
        const reply = replyOf(error)
        const unsent = command.socket === undefined && !reply && !isTimeout(error)
        if (known && reply?.code === "NOSCRIPT") known = false
        else if (!unsent || Date.now() >= deadline)
          throw call.writes && !unsent ? commitFailure(error) : readFailure(error)
        else await sleep(pollMs)
      }
    }
  }

  /**
   * How many replicas have all that was sent on this socket so far. Undefined where that cannot be told. Sent at once;
   * on another connection WAIT would not know what to wait for.
   */
  async acknowledgements(socket: object, count: number, timeoutMs: number): Promise<number | undefined> {
    const node = this.#nodes().find(({ stream }) => stream === socket)
    if (node === undefined) return undefined
    const wait = new TrackedCommand("wait", [count, timeoutMs])
    const replicas = await wait.sendBy(node).catch(() => undefined)
    return typeof replicas === "number" && wait.socket === socket ? replicas : undefined
  }

  /** At once: calls under way fail. */
  close(): void {
    this.#closed = true
    const streams = this.#nodes().map(({ stream }) => stream)
    this.#client.disconnect()
    // That alone would wait for a silent server to hang up.
    for (const stream of streams) stream?.destroy()
  }

  #nodes(): readonly Redis[] {
    return "nodes" in this.#client ? this.#client.nodes() : [this.#client]
  }

  #isReady(signal: AbortSignal | undefined): boolean {
    return this.#client.status === "ready" && !this.#closed && this.#lastError === undefined && !signal?.aborted
  }

  async #ready(deadline: number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      if (signal?.aborted) throw new StorageError("UNAVAILABLE", "aborted before it was sent")
      if (this.#closed) throw new StorageError("UNAVAILABLE", "closed before it was sent")
      if (replyOf(this.#lastError)) {
        const refusal = readFailure(this.#lastError)
        if (refusal.code === "FATAL") throw refusal
      }
      const { status } = this.#client
      if (status === "ready") return
      if (Date.now() >= deadline) throw readFailure(this.#lastError)
      // "end": the strategy of the caller's client gives up, ours does not.
      const idle = status === "wait" || status === "end"
      await Promise.race([sleep(pollMs), ...(idle ? [this.#client.connect().catch(() => {})] : [])])
    }
  }

  #watch(server: Redis): void {
    // A restart or a failover may have brought other settings. Calls do not wait for this.
    server.on("ready", () => this.#inspect(server).catch(() => {}))
    server.on("end", () => this.#unfit.delete(server))
  }

  async #inspect(server: Redis): Promise<ServerReport | undefined> {
    try {
      const report = await inspectServer(server, "nodes" in this.#client)
      this.#unfit.delete(server)
      for (const warning of report?.warnings ?? []) this.#warn(warning)
      return report
    } catch (error) {
      if (error instanceof StorageError && error.code === "FATAL") this.#unfit.add(server)
      throw error
    }
  }

  /** Once each: connections may come and go all day. */
  #warn(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    try {
      this.#logger?.warn(message, { storage: "redis" })
    } catch {
      // Nowhere to report it to.
    }
  }
}

/** What comes first, the answer or an abort by the caller. */
export const abortable = <T>(answer: Promise<T>, { signal, writes }: Call): Promise<T> => {
  if (signal === undefined) return answer
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(new StorageError(writes ? "UNKNOWN_OUTCOME" : "UNAVAILABLE", "aborted after it was sent"))
    const end = () => signal.removeEventListener("abort", abort)
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort, { once: true })
    answer.then(resolve, reject)
    answer.then(end, end)
  })
}
