/** The commands `find`, `getMore`, `killCursors`, `count`, and as much of `aggregate` as `countDocuments` sends. */
import { BSON, Long } from "mongodb"
import type { Chain } from "./collection.ts"
import { atClusterTime, type Context, database, namespaceOf, reading } from "./context.ts"
import { ServerError } from "./errors.ts"
import { filterOf, matches, project, sorter } from "./query.ts"
import { Unit } from "./store.ts"
import { type Doc, docOf, docsOf, isDoc, keyOf, numberOf, textOf } from "./values.ts"

const maxBatchBytes = 16 * 1024 * 1024
const firstBatchDocs = 101

interface Cursor {
  readonly namespace: string
  readonly session: string
  /** Documents not sent yet, read one by one when the cursor has no snapshot. */
  readonly rest: (() => Doc | undefined)[]
}

const inTurn = (rest: (() => Doc | undefined)[], limit: number): Doc[] => {
  const batch: Doc[] = []
  let bytes = 0
  while (rest[0] !== undefined && batch.length < limit) {
    const doc = rest[0]()
    bytes += doc === undefined ? 0 : BSON.calculateObjectSize(doc)
    if (bytes > maxBatchBytes && batch.length > 0) break
    rest.shift()
    if (doc !== undefined) batch.push(doc)
  }
  return batch
}

/** Lets others commit: gives way until one has, or for 2 ms. */
const yielded = async ({ store }: Context): Promise<void> => {
  const [before, deadline] = [store.now, Date.now() + 2]
  while (store.now === before && Date.now() < deadline) await store.unitEnds(deadline)
}

const snapshotTime = (context: Context): number => atClusterTime(context) ?? context.newest()

const matching = (context: Context): { chain: Chain; doc: Doc }[] =>
  reading(context, snapshotTime(context), (unit) => {
    const collection = context.store.collection(namespaceOf(context), unit)
    if (collection === undefined) return []
    const { command } = context
    const filter = filterOf(command, context.name === "count" ? "query" : "filter")
    if (typeof command["hint"] === "string" && command["hint"] !== "_id_") {
      if (!collection.indexes.some((index) => index.name === command["hint"])) {
        throw new ServerError(2, "error processing query: hint provided does not correspond to an existing index")
      }
    }
    const result: { chain: Chain; doc: Doc }[] = []
    for (const chain of collection.candidates(filter)) {
      const doc = collection.read(chain, unit)
      if (doc !== undefined && matches(doc, filter)) result.push({ chain, doc })
    }
    const order = sorter(docOf(command["sort"] ?? {}, "sort"))
    result.sort((a, b) => order(a.doc, b.doc))
    const skip = numberOf(command["skip"], 0)
    return result.slice(skip, skip + (numberOf(command["limit"], 0) || result.length))
  })

/** The cursors of a server; ids are given out in order. */
export class Cursors {
  private readonly open = new Map<number, Cursor>()
  private last = 0

  get size(): number {
    return this.open.size
  }

  readonly find = async (context: Context): Promise<Doc> => {
    const { command } = context
    for (const field of ["collation", "min", "max", "tailable", "let", "returnKey"]) {
      if (command[field]) throw new ServerError(2, `the stand-in has no find with ${field}`)
    }
    const projection = docOf(command["projection"] ?? {}, "projection")
    const filter = filterOf(command, "filter")
    const at = atClusterTime(context)
    const found = matching(context)
    const snapshot = context.transaction !== undefined || at !== undefined
    // Without a snapshot a server yields between documents, and later ones show later commits: so they do here.
    const rest = found.map(({ chain, doc }) => () => {
      const current = snapshot ? doc : chain.collection.read(chain, new Unit(context.newest()))
      return current !== undefined && matches(current, filter) ? project(current, projection) : undefined
    })
    const limit = numberOf(command["batchSize"], firstBatchDocs)
    const firstBatch = inTurn(rest, snapshot ? limit : Math.min(1, limit))
    if (!snapshot && rest.length > 0 && limit > 1) {
      await yielded(context)
      firstBatch.push(...inTurn(rest, limit - firstBatch.length))
    }
    const id = rest.length > 0 && command["singleBatch"] !== true ? ++this.last : 0
    if (id > 0) this.open.set(id, { namespace: namespaceOf(context), session: sessionOf(command), rest })
    const time = at !== undefined && context.transaction === undefined ? { atClusterTime: at } : {}
    return { cursor: { firstBatch, id: Long.fromNumber(id), ns: namespaceOf(context), ...time } }
  }

  readonly getMore = async (context: Context): Promise<Doc> => {
    const { command } = context
    const id = numberOf(command["getMore"], 0)
    const ns = `${database(context)}.${textOf(command["collection"], "collection")}`
    const cursor = this.open.get(id)
    if (cursor === undefined || cursor.namespace !== ns || cursor.session !== sessionOf(command)) {
      throw new ServerError(43, `cursor id ${id} not found`)
    }
    const nextBatch = inTurn(cursor.rest, numberOf(command["batchSize"], 0) || Number.POSITIVE_INFINITY)
    if (cursor.rest.length === 0) this.open.delete(id)
    return { cursor: { nextBatch, id: Long.fromNumber(cursor.rest.length > 0 ? id : 0), ns } }
  }

  readonly kill = async (context: Context): Promise<Doc> => {
    const given = context.command["cursors"]
    const ids = Array.isArray(given) ? given : []
    const cursorsKilled = ids.filter((id) => this.open.delete(numberOf(id, 0)))
    const cursorsNotFound = ids.filter((id) => !cursorsKilled.includes(id))
    return { cursorsKilled, cursorsNotFound, cursorsAlive: [], cursorsUnknown: [] }
  }
}

const sessionOf = (command: Doc): string => (isDoc(command["lsid"]) ? keyOf(command["lsid"]["id"]) : "")

export const count = async (context: Context): Promise<Doc> => ({ n: matching(context).length })

export const aggregate = async (context: Context): Promise<Doc> => {
  const [match, ...rest] = docsOf(context.command["pipeline"], "pipeline")
  const counts = keyOf(rest) === keyOf([{ $group: { _id: 1, n: { $sum: 1 } } }])
  if (!counts || match === undefined || !isDoc(match["$match"])) {
    throw new ServerError(115, "the stand-in aggregates only what countDocuments asks for")
  }
  const n = matching({ ...context, command: { ...context.command, filter: match["$match"] } }).length
  const firstBatch = n > 0 ? [{ _id: 1, n }] : []
  return { cursor: { firstBatch, id: Long.ZERO, ns: namespaceOf(context) } }
}
