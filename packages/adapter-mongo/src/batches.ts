import { type Commit, type CommitResult, StorageError, type StorageLimits } from "@strongroom/core"

interface Pending {
  readonly commit: Commit
  readonly size: { readonly records: number; readonly bytes: number }
  readonly resolve: (result: CommitResult) => void
  readonly reject: (error: unknown) => void
}

const sizeOf = ({ checks, writes }: Commit): Pending["size"] => ({
  records: checks.length + writes.length,
  bytes: writes.reduce((sum, { record }) => sum + (record?.bytes.length ?? 0), 0),
})

/** Carries out a batch; an outcome for each commit, in order. Never rejects. */
type Run = (batch: readonly Commit[]) => Promise<readonly (CommitResult | StorageError)[]>

/**
 * The commits of one partition, one batch at a time: what arrives while a batch is under way goes with the next one.
 * Commits of one process therefore never lose a race against each other.
 */
export class Batches {
  readonly #limits: StorageLimits
  readonly #run: Run
  readonly #onIdle: () => void
  #pending: Pending[] = []
  #running: Promise<void> | undefined

  constructor(limits: StorageLimits, run: Run, onIdle: () => void) {
    this.#limits = limits
    this.#run = run
    this.#onIdle = onIdle
  }

  add(commit: Commit, signal: AbortSignal | undefined): Promise<CommitResult> {
    return new Promise<CommitResult>((resolve, reject) => {
      const abort = () => {
        const waiting = this.#pending.includes(pending)
        this.#pending = this.#pending.filter((other) => other !== pending)
        const [code, when] = waiting ? (["UNAVAILABLE", "before"] as const) : (["UNKNOWN_OUTCOME", "after"] as const)
        pending.reject(new StorageError(code, `aborted ${when} it was sent`, { cause: signal?.reason }))
      }
      const pending: Pending = {
        commit,
        size: sizeOf(commit),
        resolve: (result) => {
          signal?.removeEventListener("abort", abort)
          resolve(result)
        },
        reject: (error) => {
          signal?.removeEventListener("abort", abort)
          reject(error)
        },
      }
      signal?.addEventListener("abort", abort)
      this.#pending.push(pending)
      this.#running ??= this.#drain()
    })
  }

  /** Resolves when nothing is pending or under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #drain(): Promise<void> {
    // Whatever is committed in this turn of the event loop goes along.
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const batch = this.#take()
      const outcomes = await this.#run(batch.map(({ commit }) => commit))
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index]
        if (outcome === undefined || outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
    }
    this.#running = undefined
    this.#onIdle()
  }

  /** As many as fit into one transaction, at least one. */
  #take(): readonly Pending[] {
    const { commitRecords, commitBytes } = this.#limits
    let [records, bytes, count] = [0, 0, 0]
    for (const { size } of this.#pending) {
      records += size.records
      bytes += size.bytes
      if (count > 0 && (records > commitRecords || bytes > commitBytes)) break
      count++
    }
    return this.#pending.splice(0, count)
  }
}
