import { realpathSync } from "node:fs"
import { setImmediate as nextTurn } from "node:timers/promises"
import { StorageError } from "@strongroom/core"
import { open, type RootDatabase } from "lmdb"
import { prepareDirectory, syncDirectory } from "./directory.ts"

type Database = RootDatabase<Buffer, Buffer>

/** `MDB_BAD_TXN`: an earlier put of this transaction failed. */
const badTransaction = -30782
/** A key that no record has. */
const probe = Buffer.from([0])
/**
 * The size of a group, in pages of 4 KiB. A transaction has room for 131,071 dirty pages; beyond, LMDB writes some early,
 * and corrupts the heap if the disk is full at that moment.
 */
const groupPages = 40_000

interface Waiting {
  readonly pages: number
  readonly send: () => Promise<void>
}

const options = {
  // A directory even if its name has a dot in it.
  noSubdir: false,
  encoding: "binary",
  keyEncoding: "binary",
  // On, the default, "committed" comes before "flushed", and killing one process may take the others down (MDB_PANIC).
  overlappingSync: false,
  eventTurnBatching: false,
  permissionsMode: 0o600,
} as const

/**
 * One open LMDB environment. A directory is opened once in a process and shared, since opening it a second time while a
 * commit is under way would wait for a lock that only this thread can release.
 *
 * The map grows by itself: lmdb-js remaps it to twice the need when a transaction runs out of pages.
 */
export class Environment {
  static readonly #open = new Map<string, Environment>()

  static open(directory: string): Environment {
    prepareDirectory(directory)
    const path = realpathSync(directory)
    const environment = Environment.#open.get(path) ?? new Environment(path)
    environment.#requireUsable()
    Environment.#open.set(path, environment)
    environment.#users++
    return environment
  }

  readonly #path: string
  readonly #db: Database
  readonly #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #users = 0
  #failed = false

  private constructor(path: string) {
    this.#path = path
    try {
      this.#db = open<Buffer, Buffer>({ path, ...options })
      syncDirectory(path)
    } catch (cause) {
      throw new StorageError("FATAL", `cannot open ${path}`, { cause })
    }
  }

  /** Runs `work` on a snapshot that holds every commit acknowledged before, by any process. `work` must be synchronous. */
  read<T>(work: (db: Database) => T): T {
    this.#requireUsable()
    try {
      this.#db.resetReadTxn()
      // Begins the transaction, or throws: a range over one that could not begin is empty, without a word.
      this.#db.getBinaryFast(probe)
      return work(this.#db)
    } catch (cause) {
      throw new StorageError("FATAL", `reading ${this.#path} failed`, { cause })
    }
  }

  /**
   * Runs `work`, which dirties about so many pages, inside a write transaction of its own and resolves when that is on the
   * disk. An abort stops nothing: it ends the waiting.
   */
  write<T>(pages: number, work: (db: Database) => T, signal: AbortSignal | undefined): Promise<T> {
    const sent = Promise.withResolvers<T>()
    this.#waiting.push({ pages, send: () => this.#transact(work).then(sent.resolve, sent.reject) })
    this.#writing ??= this.#writeGroups()
    return abortable(sent.promise, signal)
  }

  /** The last user closes the environment, after what is under way. */
  async close(): Promise<void> {
    if (--this.#users > 0) return
    await this.#writing
    // It may have been opened again, or been closed again, in the meantime.
    if (this.#users > 0 || Environment.#open.get(this.#path) !== this) return
    Environment.#open.delete(this.#path)
    await this.#db.close()
  }

  /**
   * Hands what waits to lmdb group by group; a group is one LMDB transaction, with one sync. Never two groups at a time:
   * if the first one broke the environment, lmdb would never answer for the second.
   */
  async #writeGroups(): Promise<void> {
    while (this.#waiting.length > 0) {
      // A turn of the event loop: those whose commits have just returned may join with their next.
      await nextTurn()
      await Promise.all(this.#takeGroup().map(({ send }) => send()))
    }
    this.#writing = undefined
  }

  #takeGroup(): Waiting[] {
    let pages = 0
    const full = this.#waiting.findIndex((next) => {
      pages += next.pages
      return pages > groupPages
    })
    return this.#waiting.splice(0, full === -1 ? this.#waiting.length : full)
  }

  async #transact<T>(work: (db: Database) => T): Promise<T> {
    this.#requireUsable()
    try {
      // A child transaction rolls back by itself inside the group that shares a sync; `transaction` keeps what was
      // written before a throw.
      return await this.#db.childTransaction(() => {
        const result = work(this.#db)
        // A put that fails says nothing, but spoils its transaction, and then a read throws: in time to roll back.
        this.#db.getBinaryFast(probe)
        return result
      })
    } catch (error) {
      throw await this.#explain(error)
    }
  }

  async #explain(error: unknown): Promise<StorageError> {
    if (!(error instanceof Error)) return new StorageError("UNKNOWN_OUTCOME", "the commit failed", { cause: error })
    if ("commitError" in error) {
      // Awaited whatever happens: unhandled, its rejection would end the process.
      const cause = await Promise.resolve(error.commitError).catch((reason: unknown) => reason)
      // LMDB writes the meta page last, and if that fails it refuses everything from then on. So as long as it can be
      // read, the failure (a full disk, most likely) came before, and nothing was applied.
      if (this.#isReadable()) return new StorageError("UNAVAILABLE", `writing to ${this.#path} failed`, { cause })
      this.#failed = true
      return new StorageError("UNKNOWN_OUTCOME", `writing to ${this.#path} failed at its last step`, { cause })
    }
    const code = "code" in error && error.code === badTransaction ? "UNAVAILABLE" : "FATAL"
    return new StorageError(code, `writing to ${this.#path} failed`, { cause: error })
  }

  #isReadable(): boolean {
    try {
      this.#db.resetReadTxn()
      this.#db.getBinaryFast(probe)
      return true
    } catch {
      return false
    }
  }

  #requireUsable(): void {
    if (this.#failed) throw new StorageError("FATAL", `${this.#path} failed; it has to be closed and opened again`)
  }
}

const abortable = async <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return promise
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(new StorageError("UNKNOWN_OUTCOME", "aborted after it was sent"))
  signal.addEventListener("abort", abort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}
