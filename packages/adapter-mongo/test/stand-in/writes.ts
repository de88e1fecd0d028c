/** The commands `insert`, `update` and `delete`. */
import { Long, ObjectId } from "mongodb"
import type { Chain, Collection } from "./collection.ts"
import { type Context, namespaceOf, writing } from "./context.ts"
import { isInterruption, isTransient, ServerError } from "./errors.ts"
import { filterOf, matches } from "./query.ts"
import type { Unit } from "./store.ts"
import { applyUpdate, checkSize, upsertDoc } from "./update.ts"
import { compare, type Doc, docOf, docsOf, numberOf } from "./values.ts"

interface Outcome {
  readonly n: number
  readonly nModified?: number
  readonly upserted?: unknown
}

const collectionOf = (context: Context, unit: Unit): Collection => {
  const namespace = namespaceOf(context)
  return context.store.collection(namespace, unit) ?? context.store.create(namespace, unit.readAt)
}

const found = (collection: Collection, unit: Unit, filter: Doc): { chain: Chain; doc: Doc }[] => {
  const result: { chain: Chain; doc: Doc }[] = []
  for (const chain of collection.candidates(filter)) {
    const doc = collection.read(chain, unit)
    if (doc !== undefined && matches(doc, filter)) result.push({ chain, doc })
  }
  return result
}

/**
 * One statement's matches are changed together when it changes one document or is in a transaction; else one by one,
 * each in a unit of work of its own, since a server's many-document write outside a transaction is not atomic.
 */
const change = async (
  context: Context,
  filter: Doc,
  many: boolean,
  apply: (collection: Collection, unit: Unit, chain: Chain, doc: Doc) => boolean,
): Promise<Outcome> => {
  const each = (unit: Unit, within: Doc, limit: number): Outcome => {
    const collection = collectionOf(context, unit)
    const targets = found(collection, unit, within).slice(0, limit)
    const nModified = targets.filter(({ chain, doc }) => apply(collection, unit, chain, doc)).length
    return { n: targets.length, nModified }
  }
  if (!many) return writing(context, (unit) => each(unit, filter, 1))
  if (context.transaction !== undefined) return each(context.transaction, filter, Number.POSITIVE_INFINITY)
  const ids = await writing(context, (unit) => found(collectionOf(context, unit), unit, filter).map(({ doc }) => doc))
  let [n, nModified] = [0, 0]
  for (const { _id } of ids) {
    const one = await writing(context, (unit) => each(unit, { $and: [{ _id }, filter] }, 1))
    n += one.n
    nModified += one.nModified ?? 0
  }
  return { n, nModified }
}

const insertOne = (context: Context, statement: Doc, at: number): Promise<Outcome> => {
  const doc = "_id" in statement ? statement : { _id: new ObjectId(), ...statement }
  checkSize(doc)
  return writing(context, (unit) => {
    collectionOf(context, unit).insert(unit, doc, at)
    return { n: 1 }
  })
}

const update = async (context: Context, statement: Doc, at: number): Promise<Outcome> => {
  const filter = filterOf(statement, "q")
  if (Array.isArray(statement["u"])) throw new ServerError(2, "the stand-in has no updates by pipeline")
  const modifier = docOf(statement["u"], "u")
  const many = statement["multi"] === true
  if (many && context.done !== undefined) throw new ServerError(72, "Cannot use retryable writes with multi=true")
  const changed = await change(context, filter, many, (collection, unit, chain, doc) => {
    const next = applyUpdate(doc, modifier, false)
    // An update that changes nothing writes nothing: it takes no lock and meets no conflict.
    if (compare(Object.entries(doc), Object.entries(next)) === 0) return false
    collection.write(unit, chain, next, at)
    return true
  })
  if (changed.n > 0 || statement["upsert"] !== true) return changed
  return writing(context, (unit) => {
    const collection = collectionOf(context, unit)
    const existing = found(collection, unit, filter)[0]
    if (existing !== undefined) {
      collection.write(unit, existing.chain, applyUpdate(existing.doc, modifier, false), at)
      return { n: 1, nModified: 1 }
    }
    const doc = upsertDoc(filter, modifier)
    collection.insert(unit, doc, at)
    return { n: 1, nModified: 0, upserted: doc["_id"] }
  })
}

const remove = (context: Context, statement: Doc): Promise<Outcome> => {
  const many = numberOf(statement["limit"], 0) === 0
  if (many && context.done !== undefined) throw new ServerError(72, "Cannot use retryable writes with limit=0")
  return change(context, filterOf(statement, "q"), many, (collection, unit, chain) => {
    collection.write(unit, chain, undefined)
    return true
  })
}

const kinds = {
  insert: { statements: "documents", run: insertOne },
  update: { statements: "updates", run: update },
  delete: { statements: "deletes", run: (context: Context, statement: Doc) => remove(context, statement) },
} as const

/** Statements run in order; with `ordered` (the default) the first failure ends the command. */
export const write =
  (kind: keyof typeof kinds) =>
  async (context: Context): Promise<Doc> => {
    const { command, done, transaction } = context
    const { statements, run } = kinds[kind]
    const namespace = namespaceOf(context)
    // Creating the collection is a commit of its own, before the statements.
    if (transaction === undefined && !context.store.collections.has(namespace)) context.store.create(namespace)
    let [n, nModified] = [0, 0]
    const upserted: Doc[] = []
    const writeErrors: Doc[] = []
    const retriedStmtIds: number[] = []
    for (const [index, statement] of docsOf(command[statements], statements).entries()) {
      const stmtIds = Array.isArray(command["stmtIds"]) ? command["stmtIds"] : []
      const id = numberOf(stmtIds[index], index)
      try {
        const known = done?.get(id)
        const outcome = known ?? (await run(context, statement, index))
        if (known !== undefined) retriedStmtIds.push(id)
        else done?.set(id, { ...outcome })
        n += numberOf(outcome["n"], 0)
        nModified += numberOf(outcome["nModified"], 0)
        if (outcome["upserted"] !== undefined) upserted.push({ index, _id: outcome["upserted"] })
      } catch (error) {
        if (!(error instanceof ServerError)) throw error
        // What interrupts, or makes the client run the transaction anew, fails the command; the rest is told by statement.
        if (isInterruption(error.code) || (transaction !== undefined && isTransient(error.code, false))) throw error
        writeErrors.push({ code: error.code, errmsg: error.message, ...error.details, index })
        if (transaction !== undefined) context.sessions.fail(command)
        if (transaction !== undefined || command["ordered"] !== false) break
      }
    }
    // A server may send either kind of integer; clients whose owners do not promote Longs notice these.
    return {
      n: Long.fromNumber(n),
      ...(kind === "update" ? { nModified: Long.fromNumber(nModified) } : {}),
      ...(upserted.length > 0 ? { upserted } : {}),
      ...(writeErrors.length > 0 ? { writeErrors } : {}),
      ...(retriedStmtIds.length > 0 ? { retriedStmtIds } : {}),
    }
  }
