import { StorageError } from "@strongroom/core"
import { type Cluster, Redis, type RedisOptions } from "ioredis"

export type AnyClient = Redis | Redis<"resp3"> | Cluster | Cluster<"resp3">

/** How long a server may say nothing while it owes an answer before its connection is given up, ms. */
const silenceMs = 30_000

/**
 * What must hold on every connection, whatever its owner set. By default ioredis sends a command whose reply was lost
 * again, and it has run twice then.
 */
const connectionOptions = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // The server is no master any more. `true` closes the connection without sending anything again.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  enableReadyCheck: true,
  monitor: false,
  stringNumbers: false,
  replyMapping: "legacy",
} as const

const clusterOptions = {
  scaleReads: "master",
  // 0: a command whose connection was lost is not sent again. The other three are for what the server refused.
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 100,
  retryDelayOnTryAgain: 100,
  maxRedirections: 16,
  enableOfflineQueue: false,
  enableReadyCheck: true,
  lazyConnect: true,
  shardedSubscribers: false,
  himportFieldsets: undefined,
} as const

/**
 * A client of the same server or cluster with connections of its own, not opened yet. `answerMs`: what the server may take
 * for an answer when nothing is wrong, so that no time limit on a connection is below it; every command waits behind a slow one.
 */
export const duplicate = (client: AnyClient, answerMs: number): Redis | Cluster => {
  const timeLimits = ({ socketTimeout = silenceMs, commandTimeout }: RedisOptions) => ({
    socketTimeout: Math.max(socketTimeout, answerMs),
    ...(typeof commandTimeout === "number" && { commandTimeout: Math.max(commandTimeout, answerMs) }),
  })
  if ("nodes" in client) {
    const cluster = client.duplicate([], { ...clusterOptions })
    // Options of a start-up node win over `redisOptions`. No node connects before it is used.
    cluster.on("+node", (node: Redis) => Object.assign(node.options, connectionOptions, timeLimits(node.options)))
    return cluster
  }
  if (client.options.role === "slave") throw new StorageError("FATAL", "the client's role is slave: not the master")
  const db = client.condition?.select ?? client.options.db ?? 0
  // ioredis would send `SELECT NaN` and leave its rejection unhandled, which ends the process.
  if (!(Number.isInteger(db) && db >= 0)) throw new StorageError("FATAL", "the database must be a number, 0 or above")
  return client.duplicate({
    ...connectionOptions,
    ...timeLimits(client.options),
    db,
    enableOfflineQueue: false,
    lazyConnect: true,
    readOnly: false,
    himportFieldsets: undefined,
  })
}

// Errors say nothing of the URL, which may hold a password.
export const clientOf = (url: string): Redis => {
  const parsed = URL.parse(url)
  if (parsed === null || !/^rediss?:\/\//.test(parsed.href)) {
    throw new StorageError("FATAL", "url must be a redis:// or rediss:// URL")
  }
  const { href, pathname, searchParams } = parsed
  // ioredis would take the digits that it begins with.
  if (!/^\/?\d*$/.test(pathname) || !/^\d*$/.test(searchParams.get("db") ?? "")) {
    throw new StorageError("FATAL", "in the URL of Redis, what follows the host must be the number of a database")
  }
  try {
    // Not `url`: to ioredis `REDISS://` is no TLS.
    return new Redis(href, { lazyConnect: true })
  } catch {
    throw new StorageError("FATAL", "the URL of Redis is malformed: a % that is meant as such is written %25")
  }
}
