/**
 * A stand-in for a MongoDB server, for machines on which none can be had. It speaks the wire protocol over TCP on
 * loopback to the real driver, and keeps documents in memory, with sessions, retryable writes and transactions under
 * snapshot isolation with its faults: what a transaction only reads does not conflict, an update that changes nothing
 * locks nothing, and a write that loses fails at once.
 *
 * It is written from the drivers' public specifications and the server's public error tables. Checked by hand, once:
 * of the specifications' own tests for transactions, `withTransaction`, retryable writes and sessions, 227 of the 235
 * that use what is here pass through the driver; of the others four create collections or indexes in a transaction
 * (see below) and four count faults by statement, not by command. The conflict rules were compared with WiredTiger
 * itself, the server's storage engine. Everything else is only believed.
 *
 * **It proves nothing about MongoDB.** It does not prove
 * - that the server answers in these words, codes and orders in every case, or accepts what the stand-in accepts;
 * - durability, replication, elections, roll-back: one process plays a member that is a majority by itself, and
 *   "stale" and "step down" are switches;
 * - sharding: one process answers as a router; no chunks, no two-phase commit, no shard that is gone;
 * - performance, limits of memory and cache (a server aborts transactions under cache pressure), lock queues;
 * - authentication, TLS, compression, change streams, aggregation, arrays in filters, collations;
 * - query planning: an order that was not asked for is the order of insertion here and any order there.
 *
 * Where the two are known to differ, the stand-in is meant to be the harsher: a read without a snapshot is torn
 * between its first document and the rest; nothing that fails in a transaction is retried inside; a transaction cannot
 * create indexes or collections by command. One difference is the other way round: a collection that a transaction's
 * insert creates is there at once, and stays when the transaction aborts.
 */
import { createServer, type Server, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Commands } from "./commands.ts"
import { deadlineOf } from "./context.ts"
import { isStateChange, ServerError } from "./errors.ts"
import { type Fault, Faults } from "./faults.ts"
import type { Unit } from "./store.ts"
import { type Kind, Topology } from "./topology.ts"
import { type Doc, isDoc, numberOf } from "./values.ts"
import { answer, frames, ProtocolError, parse, type Request } from "./wire.ts"

export interface StandInOptions {
  /** What it pretends to be; default `replica-set`, of one member. */
  readonly kind?: Kind
  /** The version it claims; default `7.0.14`. */
  readonly version?: string
  /** How long a transaction may stay open, in ms; default 60,000. */
  readonly transactionLifetimeMillis?: number
}

const hellos = new Set(["hello", "ismaster", "isMaster"])

export class StandIn {
  readonly faults = new Faults()
  readonly topology: Topology
  private readonly commands: Commands
  private readonly server: Server
  private readonly sockets = new Map<Socket, { appName: string | undefined }>()
  private readonly received = new Map<string, number>()
  private readonly stale = new Map<string | undefined, Unit>()
  private ended = new AbortController()

  constructor(options: StandInOptions) {
    this.topology = new Topology(options.kind ?? "replica-set", options.version ?? "7.0.14")
    this.commands = new Commands(this.topology, options.transactionLifetimeMillis ?? 60_000)
    this.server = createServer((socket) => void this.serve(socket))
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve))
    const address = this.server.address()
    if (address === null || typeof address === "string") throw new Error("the stand-in has no TCP port")
    this.topology.address = `127.0.0.1:${address.port}`
  }

  get uri(): string {
    const set = this.topology.replicated && !this.topology.mongos ? "?replicaSet=rs0" : ""
    return `mongodb://${this.topology.address}/${set}`
  }

  /** How many commands of this name have arrived. */
  seen(command: string): number {
    return this.received.get(command) ?? 0
  }

  get openTransactions(): number {
    return this.commands.sessions.open
  }

  get connections(): number {
    return this.sockets.size
  }

  get openCursors(): number {
    return this.commands.cursors.size
  }

  /** Aborts all open transactions as if they had lived too long; returns how many have been expired so far. */
  expireTransactions(): number {
    this.commands.sessions.expireAll()
    return this.commands.sessions.expired
  }

  /** Steps down at once, which aborts what is open, and is elected again after `millis`. */
  stepDown(millis = 20): void {
    this.commands.sessions.stepDown()
    this.topology.change(false)
    setTimeout(() => this.topology.change(true), millis).unref()
  }

  /**
   * From now on clients see the state of this moment, while a newer primary that they do not know takes the writes of
   * all others; with `appName`, only the clients that connect by that name. What stale clients write is not committed.
   */
  makeStale(appName?: string): void {
    this.stale.set(appName, this.commands.store.begin())
  }

  endStale(): void {
    for (const unit of this.stale.values()) this.commands.store.abort(unit)
    this.stale.clear()
  }

  /** Closes all connections; clients may connect again. */
  cutConnections(): void {
    for (const socket of this.sockets.keys()) socket.destroy()
  }

  async stop(): Promise<void> {
    this.ended.abort()
    this.faults.clear()
    this.commands.sessions.expireAll()
    this.topology.change(false)
    this.cutConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }

  private async serve(socket: Socket): Promise<void> {
    this.sockets.set(socket, { appName: undefined })
    socket.setNoDelay(true)
    socket.on("error", () => socket.destroy())
    try {
      for await (const frame of frames(socket)) await this.request(socket, parse(frame))
    } catch (error) {
      // A client that goes away in the middle of a message is no failure of the stand-in; anything else is.
      const gone = error instanceof ProtocolError || (error instanceof Error && "code" in error && socket.destroyed)
      if (!gone) throw error
    } finally {
      socket.destroy()
      this.sockets.delete(socket)
    }
  }

  private async request(socket: Socket, request: Request): Promise<void> {
    const { command } = request
    const name = Object.keys(command)[0] ?? ""
    this.received.set(name, this.seen(name) + 1)
    const fault = this.faults.next(name, command)
    if (fault?.rule.action.do === "cut-before") return void socket.destroy()
    if (hellos.has(name)) return this.hello(socket, request, name !== "hello")
    const reply = await this.faulty(socket, name, command, fault)
    if (reply !== undefined && !request.noReply) socket.write(answer(request.id, reply, request.legacy, false).frame)
  }

  /** The answer to a command under a fault, `undefined` when the connection is cut instead. */
  private async faulty(socket: Socket, name: string, command: Doc, fault: Fault | undefined): Promise<Doc | undefined> {
    const action = fault?.rule.action
    if (action?.do === "fail") return this.commands.failed(name, command, this.raised(action.code))
    if (action?.do === "step-down") this.stepDown(action.millis)
    if (action?.do === "hold") await fault?.released.promise
    if (action?.do === "delay") {
      const left = deadlineOf(command) - Date.now()
      await this.wait(Math.min(action.millis, left))
      if (left < action.millis) {
        return this.commands.failed(name, command, new ServerError(50, "operation exceeded time limit"))
      }
    }
    const { appName } = this.sockets.get(socket) ?? {}
    const stale = this.stale.get(appName) ?? this.stale.get(undefined)
    const reply = await this.commands.run(name, command, stale?.readAt)
    switch (action?.do) {
      case "cut-after":
        if (action.held) await fault?.released.promise
        socket.destroy()
        return undefined
      case "delay-reply":
        await this.wait(action.millis)
        return reply
      case "hold-reply":
        await fault?.released.promise
        return reply
      case "fail-after":
        return this.commands.failed(name, command, this.raised(action.code))
      case "write-concern-error":
        return this.commands.concerned(name, command, reply, this.raised(action.code).code)
      default:
        return reply
    }
  }

  private async wait(millis: number): Promise<void> {
    await sleep(millis, undefined, { signal: this.ended.signal }).catch(() => undefined)
  }

  /**
   * An error to inject. One that says "no longer primary" comes with a change of the topology, so that clients believe
   * it, and with another one after it, or they would wait for their next heartbeat to hear of a primary again.
   */
  private raised(code: ServerError["code"]): ServerError {
    if (isStateChange(code)) {
      this.topology.change(true)
      setTimeout(() => this.topology.change(true), 10).unref()
    }
    return new ServerError(code, "injected by the stand-in")
  }

  /** Answers `hello`, at once or when the topology changes, and again at each change when the client streams. */
  private async hello(socket: Socket, request: Request, legacy: boolean): Promise<void> {
    const { command } = request
    const client = command["client"]
    const application = isDoc(client) ? client["application"] : undefined
    if (isDoc(application)) this.sockets.set(socket, { appName: String(application["name"]) })
    const millis = numberOf(command["maxAwaitTimeMS"], 0)
    const more = request.exhaustAllowed && millis > 0
    let responseTo = request.id
    if (millis > 0 && this.topology.isCurrent(command["topologyVersion"])) await this.topology.changes(millis)
    for (;;) {
      if (socket.destroyed || this.ended.signal.aborted) return
      const reply = { ...this.topology.hello(legacy), connectionId: this.sockets.size, ok: 1 }
      const { id, frame } = answer(responseTo, reply, request.legacy, more)
      socket.write(frame)
      if (!more) return
      responseTo = id
      await this.topology.changes(millis)
    }
  }
}

export const startStandIn = async (options: StandInOptions = {}): Promise<StandIn> => {
  const standIn = new StandIn(options)
  await standIn.listen()
  return standIn
}
