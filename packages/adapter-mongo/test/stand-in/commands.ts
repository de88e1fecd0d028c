/** The table of commands, and how one command runs: its transaction, its session, its errors and their labels. */
import { Binary, Long, Timestamp } from "mongodb"
import { create, createIndexes, drop, dropDatabase, listCollections, listIndexes, shardCollection } from "./catalog.ts"
import { type Context, deadlineOf } from "./context.ts"
import { codeName, type ErrorCode, isStateChange, labelsOf, ServerError } from "./errors.ts"
import { aggregate, Cursors, count } from "./reads.ts"
import { Sessions } from "./sessions.ts"
import { Store } from "./store.ts"
import type { Topology } from "./topology.ts"
import { type Doc, isDoc, numberOf } from "./values.ts"
import { write } from "./writes.ts"

type Handler = (context: Context) => Promise<Doc>

const epochSeconds = Math.floor(Date.now() / 1000)
const timestamp = (at: number): Timestamp => new Timestamp({ t: epochSeconds, i: at })

const reads = new Set(["find", "count", "aggregate", "listCollections", "listIndexes"])
const writes = new Set(["insert", "update", "delete", "create", "createIndexes", "drop", "dropDatabase"])
const atSnapshots = new Set(["find", "aggregate"])
/** Not part of the Stable API, version 1. */
const unstable = new Set(["buildInfo", "buildinfo", "getParameter", "enableSharding", "shardCollection"])
const ends = new Set(["commitTransaction", "abortTransaction"])
const inTransactions = new Set(["insert", "update", "delete", "find", "getMore", "count", "aggregate", ...ends])

export class Commands {
  readonly store = new Store()
  readonly cursors = new Cursors()
  readonly sessions: Sessions
  private readonly topology: Topology
  private readonly handlers: ReadonlyMap<string, Handler>

  constructor(topology: Topology, transactionLifetimeMillis: number) {
    this.topology = topology
    this.sessions = new Sessions(this.store, transactionLifetimeMillis)
    this.handlers = new Map<string, Handler>([
      ["ping", async () => ({})],
      ["buildInfo", async () => topology.buildInfo()],
      ["buildinfo", async () => topology.buildInfo()],
      ["getParameter", async ({ command }) => topology.getParameter(command)],
      ["endSessions", async ({ command }) => this.endSessions(command["endSessions"])],
      ["killSessions", async ({ command }) => this.endSessions(command["killSessions"])],
      ["insert", write("insert")],
      ["update", write("update")],
      ["delete", write("delete")],
      ["find", this.cursors.find],
      ["getMore", this.cursors.getMore],
      ["killCursors", this.cursors.kill],
      ["count", count],
      ["aggregate", aggregate],
      ["create", create],
      ["drop", drop],
      ["dropDatabase", dropDatabase],
      ["createIndexes", createIndexes],
      ["listCollections", listCollections],
      ["listIndexes", listIndexes],
      ["enableSharding", async () => ({})],
      ["shardCollection", shardCollection],
      ["commitTransaction", async ({ command }) => this.commit(command)],
      ["abortTransaction", async ({ command }) => this.abort(command)],
    ])
  }

  private endSessions(ids: unknown): Doc {
    this.sessions.end(Array.isArray(ids) ? ids : [])
    return {}
  }

  private commit(command: Doc): Doc {
    this.sessions.commit(command)
    return {}
  }

  private abort(command: Doc): Doc {
    this.sessions.abort(command)
    return {}
  }

  /** Runs a command; `staleAt` is the commit that a stale primary has stopped at. Never rejects. */
  async run(name: string, command: Doc, staleAt: number | undefined): Promise<Doc> {
    return this.sessions.exclusively(command, async () => {
      try {
        const result = this.decorated(command, await this.handle(name, command, staleAt))
        const concern = command["writeConcern"]
        // There is one member: more cannot acknowledge. What was written stays written.
        const excessive = isDoc(concern) && numberOf(concern["w"], 1) > 1
        return excessive ? this.concerned(name, command, result, 100) : result
      } catch (error) {
        if (!(error instanceof ServerError)) throw error
        return this.failed(name, command, error)
      }
    })
  }

  private async handle(name: string, command: Doc, staleAt: number | undefined): Promise<Doc> {
    const handler = this.handlers.get(name)
    if (handler === undefined) throw new ServerError(59, `no such command: '${name}'`)
    if (command["apiStrict"] === true && unstable.has(name)) {
      throw new ServerError(323, `Provided apiStrict:true, but the command ${name} is not in API Version 1.`)
    }
    const transactional = command["autocommit"] === false
    this.refuse(name, command, transactional)
    // A stale primary gets no majority for what it writes, and finds out.
    const acknowledged = name === "commitTransaction" || (writes.has(name) && !transactional)
    if (staleAt !== undefined && acknowledged) {
      throw new ServerError(189, "operation was interrupted: the node is no longer primary")
    }
    const newest = (): number => staleAt ?? this.store.now
    const transaction =
      transactional && !ends.has(name)
        ? this.sessions.statement(command, this.snapshotOf(command, newest()))
        : undefined
    const retryable = !transactional && command["txnNumber"] !== undefined
    return handler({
      name,
      command,
      store: this.store,
      sessions: this.sessions,
      transaction,
      done: retryable ? this.sessions.retryable(command) : undefined,
      newest,
      deadline: deadlineOf(command),
      sharded: this.topology.mongos,
    })
  }

  private snapshotOf(command: Doc, newest: number): number {
    const concern = command["readConcern"]
    const at = isDoc(concern) ? concern["atClusterTime"] : undefined
    return at instanceof Timestamp ? at.i : newest
  }

  private refuse(name: string, command: Doc, transactional: boolean): void {
    const { primary, replicated } = this.topology
    if (!primary && (writes.has(name) || ends.has(name) || transactional)) throw new ServerError(10107, "not primary")
    if (!primary && reads.has(name)) throw new ServerError(13435, "not primary and secondaryOk=false")
    if (!replicated && command["txnNumber"] !== undefined) {
      throw new ServerError(20, "Transaction numbers are only allowed on a replica set member or mongos")
    }
    const concern = command["readConcern"]
    const snapshot = isDoc(concern) && concern["level"] === "snapshot"
    if (!replicated && snapshot) {
      throw new ServerError(123, "node needs to be a replica set member to use read concern")
    }
    if (snapshot && !transactional && !atSnapshots.has(name)) {
      throw new ServerError(72, `Command ${name} does not support { readConcern: { level: "snapshot" } }`)
    }
    if (snapshot && !transactional && this.topology.maxWireVersion < 13) {
      throw new ServerError(72, "readConcern level snapshot is only valid in multi-statement transactions")
    }
    if (!transactional) return
    if (!inTransactions.has(name)) throw new ServerError(263, `Cannot run '${name}' in a multi-document transaction.`)
    if (command["writeConcern"] !== undefined && !ends.has(name)) {
      throw new ServerError(72, "writeConcern is not allowed within a multi-statement transaction")
    }
    if (concern !== undefined && command["startTransaction"] !== true) {
      throw new ServerError(72, "Only the first command in a transaction may specify a readConcern")
    }
  }

  /** An answer with the times of the cluster, and for a transaction on a router, with its recovery token. */
  private decorated(command: Doc, result: Doc): Doc {
    const { replicated, mongos } = this.topology
    const now = timestamp(this.store.now)
    const signature = { hash: new Binary(Buffer.alloc(20)), keyId: Long.ZERO }
    const cursor = result["cursor"]
    const timed = isDoc(cursor) && typeof cursor["atClusterTime"] === "number"
    const { atClusterTime, ...untimed } = timed ? cursor : { atClusterTime: 0 }
    const time = this.topology.genuine ? { atClusterTime: timestamp(Number(atClusterTime)) } : {}
    return {
      ...result,
      ...(timed ? { cursor: { ...untimed, ...time } } : {}),
      ok: 1,
      ...(mongos && command["autocommit"] === false ? { recoveryToken: { recoveryShardId: "shard-0" } } : {}),
      ...(replicated ? { operationTime: now, $clusterTime: { clusterTime: now, signature } } : {}),
    }
  }

  /** The answer for a command that failed, with labels; a failed statement aborts its transaction. */
  failed(name: string, command: Doc, error: ServerError): Doc {
    const ending = ends.has(name)
    // A statement of an older transaction, or a second start, does no harm to the one that is open.
    const harmless = error.code === 225 || error.code === 50911
    if (command["autocommit"] === false && !ending && !harmless) this.sessions.fail(command)
    const errorLabels = labelsOf(error.code, this.labelContext(name, command))
    return {
      ...this.decorated(command, error.details),
      ok: 0,
      errmsg: error.message,
      code: error.code,
      codeName: codeName(error.code),
      ...(errorLabels.length > 0 ? { errorLabels } : {}),
      ...(isStateChange(error.code) ? { topologyVersion: this.topology.topologyVersion } : {}),
    }
  }

  /** The answer of a command that was applied while its write concern was not met. */
  concerned(name: string, command: Doc, result: Doc, code: ErrorCode): Doc {
    const errorLabels = labelsOf(code, this.labelContext(name, command), true)
    return {
      ...result,
      writeConcernError: { code, codeName: codeName(code), errmsg: "waiting for replication failed" },
      ...(errorLabels.length > 0 ? { errorLabels } : {}),
      ...(isStateChange(code) ? { topologyVersion: this.topology.topologyVersion } : {}),
    }
  }

  private labelContext(name: string, command: Doc) {
    return {
      txnNumber: command["txnNumber"] !== undefined,
      autocommit: command["autocommit"] !== undefined,
      commitOrAbort: ends.has(name),
      mongos: this.topology.mongos,
    }
  }
}
