import { setTimeout as sleep } from "node:timers/promises"
import {
  type CommitResult,
  type Logger,
  type StorageAdapter,
  StorageError,
  type StorageLimits,
  validateCall,
  validateCommit,
  validateList,
  validateRead,
} from "@strongroom/core"
import { type AnyClient, clientOf, duplicate } from "./client.ts"
import { abortable, type Call, Connection } from "./connection.ts"
import { Keys } from "./keys.ts"
import { commitRequest, listRequest, type Request, readRequest } from "./requests.ts"
import { commitScript, listScript, readScript, type Script } from "./scripts.ts"

export interface ReplicaOptions {
  /** How many replicas must have a commit before it counts; at least 1. */
  readonly count: number
  /** How long to wait for them, ms; then the outcome is unknown. At least 1. */
  readonly timeoutMs: number
}

export type RedisStorageOptions = {
  /** Begins every key; without braces. Default `strongroom:`. */
  readonly prefix?: string
  readonly replicas?: ReplicaOptions
  /** Told where the server's settings may lose commits, and of lost connections. Silent by default. */
  readonly logger?: Logger
} & (
  | {
      /** Neither used nor changed nor closed: connections of the adapter's own are made with the same options. */
      readonly client: AnyClient
      readonly url?: never
    }
  | {
      /** `redis://` or, with TLS, `rediss://[user:password@]host[:port][/db]`: one server, not a cluster. */
      readonly url: string
      readonly client?: never
    }
)

// A script holds up the whole server: a commit of this many records for about 15 ms.
const limits: StorageLimits = { recordBytes: 8 << 20, commitRecords: 4_000, commitBytes: 32 << 20 }

/** How long `close` waits for calls under way, ms, besides the time that replicas have. */
const closeMs = 5_000

const replication =
  "Redis replicates after it has answered: a failover may lose acknowledged commits that no replica had yet, and until " +
  "an old master knows of it, it may answer reads from before. `replicas` narrows the first, and closes neither."
const notDurable = "Redis answers before a commit is on the disk: a crash may lose acknowledged commits."

/**
 * Connects to Redis 7.0 or later, or to a Redis Cluster. Rejects with a `StorageError`: `FATAL` where the server or the
 * options are unfit, `UNAVAILABLE` where there is no connection within seconds.
 */
export const redisStorage = async (options: RedisStorageOptions): Promise<StorageAdapter> => {
  const { replicas, logger, prefix = "strongroom:" } = options
  if (replicas && ![replicas.count, replicas.timeoutMs].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new StorageError("FATAL", "replicas.count and replicas.timeoutMs must be integers of at least 1")
  }
  if ((options.client === undefined) === (options.url === undefined)) {
    throw new StorageError("FATAL", "redisStorage needs either client or url")
  }
  const client = options.client ?? clientOf(options.url)
  const keys = new Keys(client.options.keyPrefix ?? "", prefix)
  const own = duplicate(client, replicas ? replicas.timeoutMs + 1_000 : 0)
  const { connection, reports } = await Connection.open(own, logger)
  const durable = reports.every((report) => report.durable)

  /** To their very end: a commit's replicas included. */
  const underWay = new Set<Promise<unknown>>()
  let closed: Promise<void> | undefined

  const requireOpen = (): void => {
    if (closed) throw new StorageError("CLOSED", "the storage is closed")
  }
  const track = <T>(call: Promise<T>): Promise<T> => {
    const end = () => underWay.delete(call)
    underWay.add(call)
    call.then(end, end)
    return call
  }
  const run = async <T>(script: Script, request: Request<T>, call: Call): Promise<T> =>
    request.decode(await connection.run(script, request.keys, request.args, call))

  /** WAIT goes out right behind the script, on its connection; redirected, again where the script ran. */
  const runReplicated = async <T>(
    request: Request<T>,
    call: Call,
    { count, timeoutMs }: ReplicaOptions,
  ): Promise<T> => {
    let replicated: Promise<number | undefined> | undefined
    const onSent = (socket: object) =>
      queueMicrotask(() => {
        replicated = connection.acknowledgements(socket, count, timeoutMs)
      })
    const answer = await run(commitScript, request, { ...call, onSent })
    const found = (await (replicated && abortable(replicated, call))) ?? 0
    if (found >= count) return answer
    throw new StorageError("UNKNOWN_OUTCOME", `${found} replicas have it, not ${count}`)
  }

  return {
    limits,
    capabilities: { durable, shared: true, exceptions: durable ? [replication] : [notDurable, replication] },

    async read(partition, addresses, callOptions) {
      requireOpen()
      validateCall(callOptions)
      validateRead(partition, addresses)
      if (addresses.length === 0) return []
      return await track(run(readScript, readRequest(keys, partition, addresses), { ...callOptions, writes: false }))
    },

    async list(partition, collection, listOptions) {
      requireOpen()
      validateCall(listOptions)
      validateList(partition, collection, listOptions)
      const request = listRequest(keys, partition, collection, listOptions)
      return await track(run(listScript, request, { ...listOptions, writes: false }))
    },

    async commit(partition, commit, callOptions): Promise<CommitResult> {
      requireOpen()
      validateCall(callOptions)
      validateCommit(partition, commit, limits)
      const request = commitRequest(keys, partition, commit)
      const call: Call = { ...callOptions, writes: true }
      const addresses = await track(
        replicas ? runReplicated(request, call, replicas) : run(commitScript, request, call),
      )
      return addresses.length > 0 ? { status: "conflict", addresses } : { status: "committed" }
    },

    close() {
      closed ??= (async () => {
        const ends = Promise.allSettled(underWay)
        await Promise.race([ends, sleep(closeMs + (replicas?.timeoutMs ?? 0), undefined, { ref: false })])
        connection.close()
        await ends
      })()
      return closed
    },
  }
}
