import { hash, randomUUID } from "node:crypto"
import { link, mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { deserialize, serialize } from "node:v8"
import {
  type Address,
  type ListedRecord,
  StorageError,
  type StorageErrorCode,
  type StoredRecord,
  type Write,
} from "@strongroom/core"

/** The content of a commit's file: its writes, behind their SHA-256. */
export const encode = (writes: readonly Write[]): Buffer => {
  const body = serialize(writes)
  return Buffer.concat([hash("sha256", body, "buffer"), body])
}

const decode = (file: Buffer): readonly Write[] => {
  const body = file.subarray(32)
  if (hash("sha256", body, "buffer").equals(file.subarray(0, 32))) return deserialize(body)
  throw new StorageError("FATAL", "the file of a commit is damaged")
}

const isCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && "code" in error && codes.some((code) => code === error.code)

/** Turns what the file system throws into the port's errors. */
const failed =
  (code: StorageErrorCode, what: string) =>
  (cause: unknown): never => {
    throw new StorageError(code, what, { cause })
  }

const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/**
 * One partition: a folder with one file per commit, `0`, `1`, `2`, … A commit is written beside them, synced, and then
 * linked to the next number. link(2) fails if the number is taken already, and that makes it a compare-and-set between
 * any number of processes, without a lock that somebody could die with.
 */
export class PartitionLog {
  readonly #folder: string
  /** The state after the first `#next` commits. */
  readonly #collections = new Map<string, Map<string, StoredRecord>>()
  #next = 0
  /** So many names of commits are on the disk for certain. Who linked the others may have died before the sync. */
  #synced = 0
  #swept = false

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Applies what has been committed since the last call. When it resolves, all of that is on the disk. */
  async catchUp(): Promise<void> {
    try {
      if (!this.#swept) await this.#sweep()
      for (;;) this.#apply(decode(await readFile(join(this.#folder, `${this.#next}`))))
    } catch (error) {
      if (error instanceof StorageError) throw error
      if (!isCode(error, "ENOENT")) failed("UNAVAILABLE", "the partition cannot be read")(error)
    }
    if (this.#synced === this.#next) return
    await syncDirectory(this.#folder).catch(failed("UNAVAILABLE", "the partition cannot be synced"))
    this.#synced = this.#next
  }

  find({ collection, leaf }: Address): StoredRecord | undefined {
    return this.#collections.get(collection)?.get(leaf)
  }

  *list(collection: string, after = ""): Generator<ListedRecord> {
    const records = [...(this.#collections.get(collection) ?? [])].filter(([leaf]) => leaf > after)
    // Names are ASCII, so the order of strings is the order of bytes.
    for (const [leaf, record] of records.sort(([a], [b]) => (a < b ? -1 : 1))) yield { leaf, record }
  }

  /** Makes this the next commit, and applies it. False if it has to be tried again, on the state by then. */
  async append(content: Buffer): Promise<boolean> {
    const staged = join(this.#folder, `staged-${randomUUID()}`)
    const unknown = failed("UNKNOWN_OUTCOME", "whether the commit is part of the log is not known")
    try {
      await this.#stage(staged, content).catch(failed("UNAVAILABLE", "the commit cannot be written"))
      const linked = await link(staged, join(this.#folder, `${this.#next}`)).then(
        () => true,
        // ENOENT: another process, just opened, has swept what was staged.
        (error: unknown) => (isCode(error, "EEXIST", "ENOENT") ? false : unknown(error)),
      )
      if (linked) await this.catchUp().catch(unknown)
      return linked
    } finally {
      await rm(staged, { force: true }).catch(() => undefined)
    }
  }

  async #stage(path: string, content: Buffer): Promise<void> {
    // Every process syncs for itself: the one that made the folder may have died before it did.
    if (this.#next === 0) {
      await mkdir(this.#folder, { mode: 0o700 }).catch((error: unknown) => {
        if (!isCode(error, "EEXIST")) throw error
      })
      await syncDirectory(join(this.#folder, ".."))
    }
    await writeFile(path, content, { flag: "wx", mode: 0o600, flush: true })
  }

  /** Removes what killed processes have staged. What a living one has staged goes too: it stages that again. */
  async #sweep(): Promise<void> {
    const names = await readdir(this.#folder)
    const staged = names.filter((name) => name.startsWith("staged-"))
    await Promise.all(staged.map((name) => rm(join(this.#folder, name), { force: true })))
    this.#swept = true
  }

  #apply(writes: readonly Write[]): void {
    for (const { collection, leaf, record } of writes) {
      const records = this.#collections.get(collection) ?? new Map<string, StoredRecord>()
      this.#collections.set(collection, records)
      if (record === undefined) records.delete(leaf)
      else records.set(leaf, record)
    }
    this.#next++
  }
}
