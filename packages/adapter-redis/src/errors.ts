import { StorageError, type StorageErrorCode } from "@strongroom/core"

/** What a server says, by the first word, when it refuses a command or a script before it has run any of it. */
const refusals: ReadonlyMap<string, StorageErrorCode> = new Map([
  // Passing states of the server or the cluster.
  ["ASK", "UNAVAILABLE"],
  ["BUSY", "UNAVAILABLE"], // somebody's script runs for too long
  ["CLUSTERDOWN", "UNAVAILABLE"],
  ["LOADING", "UNAVAILABLE"],
  ["MASTERDOWN", "UNAVAILABLE"],
  ["MAXCLIENTS", "UNAVAILABLE"],
  ["MISCONF", "UNAVAILABLE"], // it cannot write its files
  ["MOVED", "UNAVAILABLE"],
  ["NOREPLICAS", "UNAVAILABLE"],
  ["NOSCRIPT", "UNAVAILABLE"],
  // Nothing is wrong with the commit: it fits as soon as memory is freed or `maxmemory` raised.
  ["OOM", "UNAVAILABLE"],
  ["READONLY", "UNAVAILABLE"],
  ["TRYAGAIN", "UNAVAILABLE"], // the slot migrates
  ["UNBLOCKED", "UNAVAILABLE"],
  // These stay until somebody changes the configuration or the data.
  ["CROSSSLOT", "FATAL"],
  ["DENIED", "FATAL"], // protected mode
  ["NOAUTH", "FATAL"],
  ["NOPERM", "FATAL"],
  ["WRONGPASS", "FATAL"],
  ["WRONGTYPE", "FATAL"],
])

export interface Reply {
  readonly code: string
  readonly text: string
}

/** What the server said if the error is its reply, also where ioredis tells of it in an error of its own. */
export const replyOf = (error: unknown): Reply | undefined => {
  if (!(error instanceof Error)) return undefined
  if ("lastNodeError" in error) return replyOf(error.lastNodeError)
  const redirected = /^Too many Cluster redirections\. Last error: ReplyError: (.*)/s.exec(error.message)?.[1]
  const text = redirected ?? (error.name === "ReplyError" ? error.message : undefined)
  if (text === undefined) return undefined
  if (text.startsWith("ERR max number of clients")) return { code: "MAXCLIENTS", text }
  return { code: text.split(" ", 1)[0] ?? "", text }
}

/** Redis ends an error from inside a script like this; by then the script may have written. */
const insideScript = /script: [0-9a-f]{40}/

const refusalOf = (reply: Reply | undefined): StorageErrorCode | undefined =>
  reply && !insideScript.test(reply.text) ? refusals.get(reply.code) : undefined

/** The server has said that it ran nothing of it. */
export const isRefusal = (error: unknown): boolean => refusalOf(replyOf(error)) !== undefined

export const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === "Command timed out"

// Never the error itself, not as a cause either: ioredis hangs the command and its arguments on it, and what follows
// the first quote of a reply may be an argument.
const describe = (error: unknown, reply: Reply | undefined): string => {
  if (reply) return `Redis answered ${reply.code === "ERR" ? reply.text.split(/['"`]/, 1)[0]?.trim() : reply.code}`
  if (isTimeout(error)) return "Redis did not answer in time"
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? ` (${error.code})` : ""
  return `no connection to Redis that is ready${code}`
}

/** For a call that changes nothing, and for one that was never sent. */
export const readFailure = (error: unknown): StorageError => {
  const reply = replyOf(error)
  const code = reply ? (refusals.get(reply.code) ?? "FATAL") : "UNAVAILABLE"
  return new StorageError(code, describe(error, reply))
}

/** For a commit that was sent: whatever is not known to have been refused may have been applied. */
export const commitFailure = (error: unknown): StorageError => {
  const reply = replyOf(error)
  return new StorageError(refusalOf(reply) ?? "UNKNOWN_OUTCOME", describe(error, reply))
}
