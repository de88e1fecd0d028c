import { StorageError } from "@strongroom/core"
import { type Cluster, Redis } from "ioredis"

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

/** A client of the same server or cluster with connections of its own, not opened yet. */
export const duplicate = (client: AnyClient, answerMs: number): Redis | Cluster => {
  const socketTimeout = (own: number | undefined) => Math.max(own ?? silenceMs, answerMs)
  if ("nodes" in client) {
    const cluster = client.duplicate([], { ...clusterOptions })
    // Options of a start-up node win over `redisOptions`. No node connects before it is used.
    cluster.on("+node", (node: Redis) =>
      Object.assign(node.options, connectionOptions, { socketTimeout: socketTimeout(node.options.socketTimeout) }),
    )
    return cluster
  }
  if (client.options.role === "slave") throw new StorageError("FATAL", "the client's role is slave: not the master")
  return client.duplicate({
    ...connectionOptions,
    socketTimeout: socketTimeout(client.options.socketTimeout),
    db: client.condition?.select ?? client.options.db ?? 0,
    enableOfflineQueue: false,
    lazyConnect: true,
    readOnly: false,
    himportFieldsets: undefined,
  })
}

export const clientOf = (url: string): Redis => {
  // Says nothing of the URL, which may hold a password.
  if (!/^rediss?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new StorageError("FATAL", "url must be a redis:// or rediss:// URL")
  }
  return new Redis(url, { lazyConnect: true })
}
