/** The data of the stand-in: collections, the clock of commits, and the units of work that read and write at it. */
import { type Chain, Collection } from "./collection.ts"
import { ServerError, writeConflict } from "./errors.ts"
import type { Doc } from "./values.ts"

/** A transaction, or one statement outside a transaction: reads the state after commit `readAt`, and its own writes. */
export class Unit {
  readonly readAt: number
  readonly written = new Set<Chain>()
  ended = false
  constructor(readAt: number) {
    this.readAt = readAt
  }
}

export class Store {
  /** The newest commit. Commits are numbered from 1 on, and the number stands for the time of the commit. */
  now = 1
  readonly collections = new Map<string, Collection>()
  private readonly open = new Set<Unit>()
  private readonly deleted: { readonly chain: Chain; readonly at: number }[] = []
  private readonly waiting = new Set<() => void>()
  private readonly historyWindow: number

  /** The past stays readable for so many commits; a server keeps `minSnapshotHistoryWindowInSeconds`, 300 s. */
  constructor(historyWindow = 100) {
    this.historyWindow = historyWindow
  }

  /** `at` lies in the past for a snapshot read at a given time, and for a stale primary. */
  begin(at = this.now): Unit {
    if (at < this.now - this.historyWindow && ![...this.open].some((unit) => unit.readAt <= at)) {
      throw new ServerError(239, "Read timestamp is older than the oldest available timestamp.")
    }
    const unit = new Unit(at)
    this.open.add(unit)
    return unit
  }

  commit(unit: Unit): void {
    if (unit.written.size > 0) {
      const at = ++this.now
      for (const chain of unit.written) {
        const doc = chain.pending?.doc
        chain.pending = undefined
        chain.versions.push({ at, doc })
        if (doc === undefined) this.deleted.push({ chain, at })
      }
    }
    this.end(unit)
  }

  abort(unit: Unit): void {
    for (const chain of unit.written) chain.pending = undefined
    this.end(unit)
  }

  private end(unit: Unit): void {
    this.open.delete(unit)
    unit.ended = true
    const horizon = Math.min(this.now - this.historyWindow, ...[...this.open].map((each) => each.readAt))
    for (const chain of unit.written) chain.collection.prune(chain, horizon)
    while (this.deleted[0] !== undefined && this.deleted[0].at <= horizon) {
      const { chain } = this.deleted.shift() ?? {}
      chain?.collection.prune(chain, horizon)
    }
    const resume = [...this.waiting]
    this.waiting.clear()
    for (const each of resume) each()
  }

  /** Settles when any unit of work has ended: then a write that lost a conflict has a chance again. */
  async unitEnds(deadline: number): Promise<void> {
    const left = deadline - Date.now()
    if (left <= 0) throw new ServerError(50, "operation exceeded time limit")
    const ended = Promise.withResolvers<void>()
    this.waiting.add(ended.resolve)
    const timer = Number.isFinite(left) ? setTimeout(ended.resolve, left) : undefined
    await ended.promise
    clearTimeout(timer)
  }

  /** The collection as `unit` may use it, or `undefined` where there is none. */
  collection(namespace: string, unit: Unit): Collection | undefined {
    const collection = this.collections.get(namespace)
    if (collection !== undefined && collection.changedAt > unit.readAt) {
      throw new ServerError(
        246,
        `Unable to read from a snapshot due to pending collection catalog changes to collection '${namespace}'; ` +
          "please retry the operation",
      )
    }
    return collection
  }

  /** Inside a transaction, `at` is its snapshot; otherwise the change of the catalogue is a commit of its own. */
  create(namespace: string, at = ++this.now, options: Doc = {}): Collection {
    const collection = new Collection(namespace, at, options)
    this.collections.set(namespace, collection)
    return collection
  }

  /** Whether an open unit of work has uncommitted writes in the collection. */
  isBusy(collection: Collection): boolean {
    return [...this.open].some((unit) => [...unit.written].some((chain) => chain.collection === collection))
  }

  drop(namespace: string): boolean {
    const collection = this.collections.get(namespace)
    if (collection !== undefined && this.isBusy(collection)) throw writeConflict()
    return this.collections.delete(namespace)
  }
}
