/**
 * Sessions: what makes a write retryable, and transactions.
 *
 * After `driver-sessions.md`, `retryable-writes.md` and `transactions.md` of the drivers' specifications; the states
 * of a transaction and the texts of the errors are those of the server's `transaction_participant.cpp`. What has been
 * committed, transactions and single statements alike, survives a step-down; what is open does not.
 */
import { ServerError } from "./errors.ts"
import type { Store, Unit } from "./store.ts"
import { type Doc, isDoc, keyOf, numberOf } from "./values.ts"

/** The state belongs to the transaction or retryable write of `number`. */
interface Session {
  readonly key: string
  number: number
  state: "none" | "open" | "committed" | "aborted"
  unit: Unit | undefined
  timer: NodeJS.Timeout | undefined
  /** Results of the statements of the retryable write, by statement id. */
  readonly done: Map<number, Doc>
}

export class Sessions {
  private readonly sessions = new Map<string, Session>()
  private readonly busy = new Map<string, Promise<void>>()
  private readonly store: Store
  private readonly lifetimeMillis: number
  expired = 0

  /** `lifetimeMillis` is `transactionLifetimeLimitSeconds` of a server. */
  constructor(store: Store, lifetimeMillis: number) {
    this.store = store
    this.lifetimeMillis = lifetimeMillis
  }

  /** Commands of one session run one after the other: a retry waits for the attempt that it repeats. */
  async exclusively<Result>(command: Doc, run: () => Promise<Result>): Promise<Result> {
    if (!isDoc(command["lsid"]) || command["txnNumber"] === undefined) return run()
    const key = keyOf(command["lsid"]["id"])
    const before = this.busy.get(key)
    const finished = Promise.withResolvers<void>()
    this.busy.set(key, finished.promise)
    await before
    try {
      return await run()
    } finally {
      finished.resolve()
      if (this.busy.get(key) === finished.promise) this.busy.delete(key)
    }
  }

  private session(command: Doc): Session {
    const lsid = command["lsid"]
    if (!isDoc(lsid)) throw new ServerError(72, "Transaction number requires a session ID to also be specified")
    const key = keyOf(lsid["id"])
    const session =
      this.sessions.get(key) ??
      ({ key, number: -1, state: "none", unit: undefined, timer: undefined, done: new Map() } satisfies Session)
    this.sessions.set(key, session)
    return session
  }

  private advance(session: Session, number: number): void {
    if (number < session.number) {
      throw new ServerError(
        225,
        `Cannot start transaction with { txnNumber: ${number} } on session because a newer transaction with ` +
          `txnNumber ${session.number} has already started on this session.`,
      )
    }
    if (number === session.number) return
    this.abortOpen(session)
    session.number = number
    session.state = "none"
    session.done.clear()
  }

  /** The results so far of the retryable write that the command belongs to. */
  retryable(command: Doc): Map<number, Doc> {
    const session = this.session(command)
    const number = numberOf(command["txnNumber"], 0)
    this.advance(session, number)
    if (session.state !== "none") {
      throw new ServerError(72, `Cannot use a transaction's number ${number} for a retryable write`)
    }
    return session.done
  }

  /** The unit of work of the transaction that a statement belongs to; begins it at `readAt` when the statement does. */
  statement(command: Doc, readAt: number): Unit {
    const session = this.session(command)
    const number = numberOf(command["txnNumber"], 0)
    if (command["startTransaction"] === true) {
      if (number === session.number && session.state !== "none") {
        const state = session.state === "open" ? "InProgress" : session.state
        throw new ServerError(
          50911,
          `Cannot start a transaction at given transaction number ${number} a transaction with the same number ` +
            `is in state TxnState::${state}`,
        )
      }
      this.advance(session, number)
      session.state = "open"
      session.unit = this.store.begin(readAt)
      session.timer = setTimeout(() => this.expire(session), this.lifetimeMillis).unref()
    }
    return this.opened(session, number)
  }

  private opened(session: Session, number: number): Unit {
    if (number < session.number) this.advance(session, number)
    if (number === session.number && session.state === "committed") {
      throw new ServerError(256, `Transaction with { txnNumber: ${number} } has been committed.`)
    }
    if (number === session.number && session.state === "aborted") {
      throw new ServerError(251, `Transaction with { txnNumber: ${number} } has been aborted.`)
    }
    if (number !== session.number || session.unit === undefined) {
      throw new ServerError(
        251,
        `Given transaction number ${number} does not match any in-progress transactions. ` +
          `The active transaction number is ${session.number}`,
      )
    }
    return session.unit
  }

  /** Commits once; that a transaction already is committed is a success. */
  commit(command: Doc): void {
    const session = this.session(command)
    const number = numberOf(command["txnNumber"], 0)
    if (number === session.number && session.state === "committed") return
    this.store.commit(this.opened(session, number))
    this.close(session, "committed")
  }

  abort(command: Doc): void {
    const session = this.session(command)
    this.opened(session, numberOf(command["txnNumber"], 0))
    this.abortOpen(session)
  }

  /** Any failed statement aborts its transaction at the server. */
  fail(command: Doc): void {
    const session = this.session(command)
    if (numberOf(command["txnNumber"], 0) === session.number) this.abortOpen(session)
  }

  end(ids: readonly unknown[]): void {
    for (const id of ids) {
      const session = this.sessions.get(keyOf(isDoc(id) ? id["id"] : id))
      if (session === undefined) continue
      this.abortOpen(session)
      this.sessions.delete(session.key)
    }
  }

  get open(): number {
    return [...this.sessions.values()].filter((session) => session.unit !== undefined).length
  }

  /** As when transactions outlive `transactionLifetimeLimitSeconds`. */
  expireAll(): void {
    for (const session of this.sessions.values()) if (session.unit !== undefined) this.expire(session)
  }

  /** A step-down aborts what is open; what is committed, a new primary knows too. */
  stepDown(): void {
    for (const session of this.sessions.values()) this.abortOpen(session)
  }

  private expire(session: Session): void {
    this.expired++
    this.abortOpen(session)
  }

  private abortOpen(session: Session): void {
    if (session.unit === undefined) return
    this.store.abort(session.unit)
    this.close(session, "aborted")
  }

  private close(session: Session, state: "committed" | "aborted"): void {
    clearTimeout(session.timer)
    session.unit = undefined
    session.state = state
  }
}
