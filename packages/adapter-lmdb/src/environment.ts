import { realpathSync } from "node:fs"
import { StorageError } from "@strongroom/core"
import { open, type RootDatabase } from "lmdb"
import { prepareDirectory, syncDirectory } from "./directory.ts"

type Database = RootDatabase<Buffer, Buffer>

/** `MDB_BAD_TXN`: an earlier put of this transaction failed. */
const badTransaction = -30782
/** A key that no record has. */
const probe = Buffer.from([0])
/**
 * What may be written at once. The transactions that share a sync share its 131,071 dirty pages; with more, LMDB writes
 * pages early, and if the disk is full then, corrupts the heap. A record dirties two or three pages.
 */
const groupRecords = 20_000

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
  readonly #inFlight = new Set<{ promise: Promise<unknown>; reject: (reason: unknown) => void }>()
  readonly #waiting: { readonly records: number; readonly start: () => void }[] = []
  #records = 0
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
   * Runs `work`, which writes at most `records`, inside a write transaction of its own and resolves when that is on the
   * disk. Transactions that wait at the same time share one sync. An abort stops nothing: it ends the waiting.
   */
  write<T>(records: number, work: (db: Database) => T, signal: AbortSignal | undefined): Promise<T> {
    const sent = Promise.withResolvers<T>()
    this.#inFlight.add(sent)
    this.#inTurn(records, () => this.#transact(work))
      .then(sent.resolve, sent.reject)
      .finally(() => this.#inFlight.delete(sent))
    return abortable(sent.promise, signal)
  }

  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#inFlight, (sent) => sent.promise))
    if (--this.#users > 0) return
    // After a fatal error lmdb would wait for ever for commits that it has lost.
    if (this.#failed) return
    Environment.#open.delete(this.#path)
    await this.#db.close()
  }

  /** Starts `send` when the records that are under way leave room for these: first come, first served. */
  async #inTurn<T>(records: number, send: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<void>()
    this.#waiting.push({ records, start: turn.resolve })
    this.#admit()
    await turn.promise
    try {
      this.#requireUsable()
      return await send()
    } finally {
      this.#records -= records
      this.#admit()
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#records + next.records > groupRecords) return
      this.#waiting.shift()
      this.#records += next.records
      next.start()
    }
  }

  async #transact<T>(work: (db: Database) => T): Promise<T> {
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
      return this.#fail(cause)
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

  /** What else is under way is lost without a word from lmdb. */
  #fail(cause: unknown): StorageError {
    const error = new StorageError("UNKNOWN_OUTCOME", `writing to ${this.#path} failed at its last step`, { cause })
    this.#failed = true
    for (const sent of this.#inFlight) sent.reject(error)
    return error
  }

  #requireUsable(): void {
    if (this.#failed) throw new StorageError("FATAL", `${this.#path} failed; only a new process can use it again`)
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
