/** What a command runs in: its arguments, its unit of work, and how it may be retried. */
import { isWriteConflict, ServerError } from "./errors.ts"
import type { Sessions } from "./sessions.ts"
import type { Store, Unit } from "./store.ts"
import { type Doc, isDoc, isTimestamp, numberOf, textOf } from "./values.ts"

export interface Context {
  readonly name: string
  readonly command: Doc
  readonly store: Store
  readonly sessions: Sessions
  /** The unit of work of the transaction that the command belongs to, if any. */
  readonly transaction: Unit | undefined
  /** Results so far, when the command is a retryable write. */
  readonly done: Map<number, Doc> | undefined
  /** The commit that reads see: the newest one, or an old one on a stale primary. */
  readonly newest: () => number
  /** When `maxTimeMS` ends, in ms since the epoch; `Infinity` without it. */
  readonly deadline: number
  readonly sharded: boolean
}

export const database = (context: Context): string => textOf(context.command["$db"], "$db")

export const namespaceOf = (context: Context): string =>
  `${database(context)}.${textOf(context.command[context.name], context.name)}`

/** The time of a commit, in the `Timestamp`s of the protocol: the increment counts commits. */
export const atClusterTime = (context: Context): number | undefined => {
  const concern = context.command["readConcern"]
  if (!isDoc(concern) || concern["level"] !== "snapshot") return undefined
  const at = concern["atClusterTime"]
  if (!isTimestamp(at)) return context.newest()
  if (at.i > context.store.now) throw new ServerError(72, "readConcern atClusterTime value must not be in the future")
  return at.i
}

export const deadlineOf = (command: Doc): number => {
  const millis = numberOf(command["maxTimeMS"], 0)
  return millis > 0 ? Date.now() + millis : Number.POSITIVE_INFINITY
}

/**
 * Runs one statement's write: in the transaction, or in a unit of work of its own, which waits for whom it conflicts
 * with and tries again, as the server does outside transactions, as long as `maxTimeMS` allows.
 */
export const writing = async <Result>(context: Context, run: (unit: Unit) => Result): Promise<Result> => {
  if (context.transaction !== undefined) return run(context.transaction)
  for (;;) {
    const unit = context.store.begin()
    try {
      const result = run(unit)
      context.store.commit(unit)
      return result
    } catch (error) {
      context.store.abort(unit)
      if (!isWriteConflict(error)) throw error
      await context.store.unitEnds(context.deadline)
    }
  }
}

/** Runs a read that sees one state of the store. */
export const reading = <Result>(context: Context, at: number, run: (unit: Unit) => Result): Result => {
  if (context.transaction !== undefined) return run(context.transaction)
  const unit = context.store.begin(at)
  try {
    return run(unit)
  } finally {
    context.store.abort(unit)
  }
}

export const refuseInTransaction = (context: Context): void => {
  if (context.transaction === undefined) return
  throw new ServerError(263, `Cannot run '${context.name}' in a multi-document transaction.`)
}
