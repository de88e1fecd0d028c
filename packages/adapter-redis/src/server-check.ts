import { StorageError } from "@strongroom/core"
import type { Redis } from "ioredis"
import { readFailure } from "./errors.ts"

export interface ServerReport {
  /** The server syncs a commit to its append-only file before it answers. */
  readonly durable: boolean
  readonly warnings: readonly string[]
}

const field = (info: string, name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1]

/** Undefined where a server does not let its configuration be read: managed ones do not. */
const setting = async (server: Redis, name: string): Promise<string | undefined> => {
  const found: unknown = await server.config("GET", name).catch(() => undefined)
  return Array.isArray(found) && typeof found[1] === "string" ? found[1] : undefined
}

const readInfo = async (server: Redis): Promise<string> => {
  try {
    return await server.info()
  } catch (error) {
    throw readFailure(error)
  }
}

/** Rejects with `FATAL` where commits would not be safe on this server. Undefined: a replica. */
export const inspectServer = async (server: Redis, cluster: boolean): Promise<ServerReport | undefined> => {
  const info = await readInfo(server)
  if (field(info, "role") !== "master") return undefined
  const version = field(info, "redis_version") ?? "?"
  if (!(Number.parseInt(version, 10) >= 7)) {
    throw new StorageError("FATAL", `Redis ${version}: before 7.0 a script that has written may still be refused`)
  }
  if (!cluster && field(info, "redis_mode") === "cluster") {
    throw new StorageError("FATAL", "the server is part of a Redis Cluster: pass an ioredis Cluster as client")
  }
  const policy = field(info, "maxmemory_policy")
  if (policy !== "noeviction") {
    throw new StorageError("FATAL", `maxmemory-policy is ${policy}: Redis may drop records; it must be noeviction`)
  }
  if (field(info, "aof_enabled") !== "1") {
    return { durable: false, warnings: ["no append-only file: a restart of Redis loses acknowledged commits"] }
  }
  const appendfsync = await setting(server, "appendfsync")
  if (appendfsync !== "always") {
    const found = appendfsync ?? "not readable"
    return { durable: false, warnings: [`appendfsync is ${found}: a crash may lose the last acknowledged commits`] }
  }
  if ((await setting(server, "no-appendfsync-on-rewrite")) === "yes") {
    const warning = "no-appendfsync-on-rewrite is on: a crash during a rewrite may lose acknowledged commits"
    return { durable: false, warnings: [warning] }
  }
  return { durable: true, warnings: [] }
}
