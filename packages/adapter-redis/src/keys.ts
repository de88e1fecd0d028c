import { StorageError } from "@strongroom/core"

/**
 * Two keys per collection: a hash of its records and a sorted set of its leaves. The partition is the hash tag, so that
 * all keys of a partition are in one slot of a Redis Cluster.
 */
export class Keys {
  readonly #prefix: string

  /** Braces in what comes first would become the hash tag themselves. */
  constructor(clientPrefix: string, prefix: string) {
    if (/[{}]/.test(clientPrefix)) throw new StorageError("FATAL", "the client's keyPrefix must not contain { or }")
    if (/[{}]/.test(prefix)) throw new StorageError("FATAL", "prefix must not contain { or }")
    // A character a byte, as commands are written.
    this.#prefix = Buffer.from(clientPrefix + prefix).toString("latin1")
  }

  hash(partition: string, collection: string): string {
    return `${this.#prefix}{${partition}}:h:${collection}`
  }

  sortedSet(partition: string, collection: string): string {
    return `${this.#prefix}{${partition}}:z:${collection}`
  }
}
