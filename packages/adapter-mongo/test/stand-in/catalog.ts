/** Collections, indexes, databases and, as far as an application sees it, sharding. */
import { Long } from "mongodb"
import type { Index } from "./collection.ts"
import { type Context, database, namespaceOf, refuseInTransaction } from "./context.ts"
import { ServerError } from "./errors.ts"
import { filterOf, matches } from "./query.ts"
import { type Doc, docOf, docsOf, keyOf, textOf } from "./values.ts"

const cursor = (firstBatch: readonly Doc[], ns: string): Doc => ({ cursor: { firstBatch, id: Long.ZERO, ns } })

/** Changing the catalogue waits for the transactions that use the collection, up to `maxTimeMS`. */
const alone = async (context: Context): Promise<void> => {
  refuseInTransaction(context)
  for (;;) {
    const collection = context.store.collections.get(namespaceOf(context))
    if (collection === undefined || !context.store.isBusy(collection)) return
    await context.store.unitEnds(context.deadline)
  }
}

export const create = async (context: Context): Promise<Doc> => {
  refuseInTransaction(context)
  const namespace = namespaceOf(context)
  if (context.store.collections.has(namespace)) {
    throw new ServerError(48, `Collection ${namespace} already exists.`)
  }
  const { collation, capped, size, viewOn } = context.command
  const given = Object.entries({ collation, capped, size, viewOn }).filter(([, value]) => value !== undefined)
  context.store.create(namespace, undefined, Object.fromEntries(given))
  return {}
}

export const drop = async (context: Context): Promise<Doc> => {
  await alone(context)
  context.store.drop(namespaceOf(context))
  return {}
}

export const dropDatabase = async (context: Context): Promise<Doc> => {
  refuseInTransaction(context)
  for (const namespace of [...context.store.collections.keys()]) {
    if (!namespace.startsWith(`${database(context)}.`)) continue
    await alone({
      ...context,
      name: "drop",
      command: { ...context.command, drop: namespace.slice(namespace.indexOf(".") + 1) },
    })
    context.store.drop(namespace)
  }
  return { dropped: database(context) }
}

export const listCollections = async (context: Context): Promise<Doc> => {
  refuseInTransaction(context)
  const prefix = `${database(context)}.`
  const found = [...context.store.collections.values()]
    .filter(({ namespace }) => namespace.startsWith(prefix))
    .map(({ namespace, options }) => ({
      name: namespace.slice(prefix.length),
      type: "viewOn" in options ? "view" : "collection",
      options,
      info: { readOnly: false },
      idIndex: { v: 2, key: { _id: 1 }, name: "_id_" },
    }))
  const filter = filterOf(context.command, "filter")
  return cursor(
    found.filter((each) => matches(each, filter)),
    `${prefix}$cmd.listCollections`,
  )
}

const shown = ({ key, name, unique }: { key: Doc; name: string; unique: boolean }): Doc => ({
  v: 2,
  key,
  name,
  ...(unique ? { unique } : {}),
})

export const listIndexes = async (context: Context): Promise<Doc> => {
  refuseInTransaction(context)
  const namespace = namespaceOf(context)
  const collection = context.store.collections.get(namespace)
  if (collection === undefined) throw new ServerError(26, `ns does not exist: ${namespace}`)
  return cursor([shown({ key: { _id: 1 }, name: "_id_", unique: false }), ...collection.indexes.map(shown)], namespace)
}

const sameKey = (a: Doc, b: Doc): boolean => keyOf(a) === keyOf(b)

/** Whether an index like the wanted one exists; one that differs under its name, or is its twin, is an error. */
const exists = (indexes: readonly Index[], wanted: { name: string; key: Doc; unique: boolean }): boolean => {
  const named = indexes.find((index) => index.name === wanted.name)
  const same = (index: Index): boolean => sameKey(index.key, wanted.key) && index.unique === wanted.unique
  if (named !== undefined && !same(named)) {
    throw new ServerError(
      86,
      "An existing index has the same name as the requested index. When index names are not specified, they are " +
        `auto generated and can cause conflicts. Requested index: ${keyOf(wanted)}, existing index: ${keyOf(shown(named))}`,
    )
  }
  const twin = indexes.find(same)
  if (twin !== undefined && named === undefined) {
    throw new ServerError(85, `Index already exists with a different name: ${twin.name}`)
  }
  return named !== undefined
}

const startsWith = (key: Doc, prefix: Doc): boolean =>
  Object.keys(prefix).every((field, at) => Object.keys(key)[at] === field)

export const createIndexes = async (context: Context): Promise<Doc> => {
  const wanted = docsOf(context.command["indexes"], "indexes").map((spec) => {
    for (const option of ["sparse", "partialFilterExpression", "collation", "expireAfterSeconds"]) {
      if (option in spec) throw new ServerError(67, `the stand-in has no indexes with ${option}`)
    }
    return { name: textOf(spec["name"], "name"), key: docOf(spec["key"], "key"), unique: spec["unique"] === true }
  })
  refuseInTransaction(context)
  const { store } = context
  const namespace = namespaceOf(context)
  const createdCollectionAutomatically = !store.collections.has(namespace)
  const collection = store.collections.get(namespace) ?? store.create(namespace)
  const numIndexesBefore = collection.indexes.length + 1
  const missing = wanted.filter((spec) => !sameKey(spec.key, { _id: 1 }) && !exists(collection.indexes, spec))
  if (missing.length > 0) await alone(context)
  for (const spec of missing) {
    if (spec.unique && collection.shardKey !== undefined && !startsWith(spec.key, collection.shardKey)) {
      throw new ServerError(67, `cannot create unique index over ${keyOf(spec.key)} with another shard key`)
    }
    if (exists(collection.indexes, spec)) continue
    const unit = store.begin()
    try {
      collection.addIndex(unit, spec)
    } finally {
      store.abort(unit)
    }
    collection.changedAt = ++store.now
  }
  const numIndexesAfter = collection.indexes.length + 1
  return { numIndexesBefore, numIndexesAfter, createdCollectionAutomatically }
}

/** Records the shard key, and creates the index that it needs, as a router does for an empty collection. */
export const shardCollection = async (context: Context): Promise<Doc> => {
  const { command, store } = context
  if (!context.sharded) throw new ServerError(59, "no such command: 'shardCollection'")
  const namespace = textOf(command["shardCollection"], "shardCollection")
  const key = docOf(command["key"], "key")
  const collection = store.collections.get(namespace) ?? store.create(namespace)
  if (collection.shardKey !== undefined && !sameKey(collection.shardKey, key)) {
    throw new ServerError(23, `sharding already enabled for collection ${namespace} with another key`)
  }
  if (collection.shardKey !== undefined) return { collectionsharded: namespace }
  const unfit = collection.indexes.find((index) => index.unique && !startsWith(index.key, key))
  if (unfit !== undefined) {
    throw new ServerError(72, `can't shard collection '${namespace}' with unique index on ${keyOf(unfit.key)}`)
  }
  if (!collection.indexes.some((index) => startsWith(index.key, key))) {
    if (collection.chains.size > 0) {
      throw new ServerError(72, "Please create an index that starts with the proposed shard key before sharding")
    }
    const unit = store.begin()
    collection.addIndex(unit, { name: Object.entries(key).flat().join("_"), key, unique: false })
    store.abort(unit)
  }
  collection.shardKey = key
  collection.changedAt = ++store.now
  const entries = store.collections.get("config.collections") ?? store.create("config.collections", 0)
  const unit = store.begin()
  entries.insert(unit, { _id: namespace, key, unique: command["unique"] === true }, 0)
  store.commit(unit)
  return { collectionsharded: namespace }
}
