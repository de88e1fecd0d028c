import { realpathSync } from "node:fs"
import { setImmediate as nextTurn } from "node:timers/promises"
import { StorageError } from "@strongroom/core"
import { open, type RootDatabase } from "lmdb"
import { prepareDirectory, syncDirectory } from "./directory.ts"
import { keyEncoder, valueEncoder } from "./encoding.ts"

type Database = RootDatabase<Buffer, string>

/** `MDB_BAD_TXN`: an earlier put of this transaction failed. */
const badTransaction = -30782
/** A key that no record has. */
const probe = "\0"
/**
 * The size of a group, in pages of 4 KiB. A transaction has room for 131,071 dirty pages; beyond, LMDB writes some early,
 * and corrupts the heap if the disk is full at that moment.
 */
const groupPages = 40_000

interface Waiting {
  readonly pages: number
  /** Works inside a transaction; what it returns tells the outcome, once that is on the disk. */
  readonly run: (db: Database) => () => void
  readonly fail: (reason: unknown) => void
}

const options = {
  // A directory even if its name has a dot in it.
  noSubdir: false,
  encoding: "binary",
  keyEncoder,
  encoder: valueEncoder,
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
      this.#db = open<Buffer, string>({ path, ...options })
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
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const run = (db: Database) => {
      const result = work(db)
      return () => resolve(result)
    }
    this.#waiting.push({ pages, run, fail: reject })
    this.#writing ??= this.#writeGroups()
    return signal === undefined ? promise : abortable(promise, signal)
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
      await this.#transact(this.#takeGroup())
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

  async #transact(group: readonly Waiting[]): Promise<void> {
    try {
      this.#requireUsable()
      // A child transaction rolls back all that it did; `transaction` keeps what was written before a throw.
      const outcomes = await this.#db.childTransaction(() => {
        const tells = group.map(({ run }) => run(this.#db))
        // A put that fails says nothing, but spoils its transaction, and then a read throws: in time to roll back.
        this.#db.getBinaryFast(probe)
        return tells
      })
      for (const tell of outcomes) tell()
    } catch (error) {
      // One for all is cheaper than one for each; but a commit that fails must not take its neighbours with it.
      if (group.length > 1 && !isOfCommit(error)) {
        await Promise.all(group.map((alone) => this.#transact([alone])))
        return
      }
      const reason = await this.#explain(error)
      for (const { fail } of group) fail(reason)
    }
  }

  async #explain(error: unknown): Promise<StorageError> {
    if (error instanceof StorageError) return error
    if (!(error instanceof Error)) return new StorageError("UNKNOWN_OUTCOME", "the commit failed", { cause: error })
    if (isOfCommit(error)) {
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

/** Whether the LMDB transaction could not be committed, for all that were in it. */
const isOfCommit = (error: unknown): error is Error & { commitError: unknown } =>
  error instanceof Error && "commitError" in error

const abortable = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(new StorageError("UNKNOWN_OUTCOME", "aborted after it was sent"))
  signal.addEventListener("abort", abort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener("abort", abort)
  }
}
