import { type Logger, StorageError } from "@strongroom/core"
import type { Db, Document } from "mongodb"
import type { Records } from "./documents.ts"
import { codeOf, notApplied } from "./errors.ts"
import { reading } from "./reads.ts"

/** Reads at one snapshot outside transactions came with server 5.0, whose wire version is 13. */
const oldestWireVersion = 13
const indexName = "strongroom_address"

const refuse = (why: string): never => {
  throw new StorageError("FATAL", why)
}

const field = (document: unknown, name: string): unknown =>
  typeof document === "object" && document !== null ? Reflect.get(document, name) : undefined

const hostsOfLookAlikes: readonly (readonly [RegExp, string])[] = [
  [/\.docdb(-elastic)?\.amazonaws\.com(:\d+)?$/i, "Amazon DocumentDB"],
  [/\.cosmos(db)?\.azure\.com(:\d+)?$/i, "Azure Cosmos DB"],
  [/\.firestore\.goog(:\d+)?$/i, "Google Firestore"],
]

/** What speaks MongoDB's protocol and is known to be something else. */
export const lookAlike = (buildInfo: Document, hosts: readonly string[]): string | undefined => {
  if ("ferretdb" in buildInfo || "ferretdbVersion" in buildInfo) return "FerretDB"
  if ("_t" in buildInfo) return "Azure Cosmos DB"
  return hostsOfLookAlikes.find(([pattern]) => hosts.some((host) => pattern.test(host)))?.[1]
}

const apiStrictError = 323

/** Not part of the Stable API, so a client that is bound to it strictly may not ask; no look-alike knows that mode. */
const buildInfoOf = async (db: Db): Promise<Document> => {
  try {
    return await db.admin().command({ buildInfo: 1 })
  } catch (error) {
    if (codeOf(error) === apiStrictError) return {}
    throw error
  }
}

/** Refuses, with `FATAL` and one sentence, every server that cannot keep the port's promises. */
export const checkServer = async (db: Db): Promise<{ readonly sharded: boolean }> => {
  const hello = await db.admin().command({ hello: 1 })
  const product = lookAlike(await buildInfoOf(db), db.client.options.hosts.map(String))
  if (product !== undefined) {
    refuse(
      `${product} is not supported: it is not known to give the snapshot transactions that a commit needs; use MongoDB 5.0 or later`,
    )
  }
  if (Number(hello["maxWireVersion"]) < oldestWireVersion) {
    refuse("the server is older than MongoDB 5.0 and cannot read many records at one snapshot")
  }
  const sharded = hello["msg"] === "isdbgrid"
  if (!sharded && hello["setName"] === undefined) {
    refuse(
      "a standalone mongod has no transactions: start it with --replSet rs0, run rs.initiate() once, and it is a replica set of one node",
    )
  }
  // The driver reads from whatever member it is told to talk to alone, and that may become a secondary.
  if (db.client.options.directConnection && Array.isArray(hello["hosts"]) && hello["hosts"].length > 1) {
    refuse("directConnection binds the client to one member of a replica set of several: leave it out")
  }
  return { sharded }
}

/** Indexes and filters would have the collation of the collection: one without case merges addresses. */
export const checkCollection = async (db: Db, records: Records): Promise<void> => {
  const [found] = await db.listCollections({ name: records.collectionName }).toArray()
  if (found === undefined) return
  const options = field(found, "options")
  const plain = field(found, "type") === "collection" && !field(options, "collation") && !field(options, "capped")
  if (!plain) {
    refuse(
      `collection ${records.collectionName} is a view, capped, a time series or has a collation: name one without, or one that does not exist yet`,
    )
  }
}

/** The one index: it finds, it sorts the leaves of a collection, and it keeps an address from being there twice. */
export const ensureIndex = async (records: Records): Promise<void> => {
  try {
    await records.createIndex({ partition: 1, collection: 1, leaf: 1 }, { name: indexName, unique: true })
  } catch (error) {
    switch (codeOf(error)) {
      case 85: // IndexOptionsConflict
      case 86: // IndexKeySpecsConflict
        return refuse(
          `collection ${records.collectionName} has another index in the place of ${indexName} (unique, over partition, collection, leaf): drop it or name another collection`,
        )
      case 11000: // DuplicateKey
        return refuse(
          `collection ${records.collectionName} holds documents that are no records: name another collection`,
        )
      default:
        throw notApplied(error)
    }
  }
}

/**
 * MongoDB tells the time of the snapshot that it has read from. What does not may have ignored the read concern, as
 * look-alikes do that are reached by another name.
 */
export const checkSnapshots = async (db: Db, records: Records): Promise<void> => {
  const readConcern = { level: "snapshot" }
  const find = { find: records.collectionName, limit: 1, singleBatch: true, readConcern }
  const { cursor } = await reading(() => db.command(find))
  if (!field(cursor, "atClusterTime")) {
    refuse("the server does not read at one snapshot, as MongoDB 5.0 and later do")
  }
}

/** In a sharded cluster a partition lives on one shard. Somebody without the right to shard may have it done by hand. */
export const ensureSharded = async (db: Db, records: Records, logger: Logger | undefined): Promise<void> => {
  const admin = db.client.db("admin")
  try {
    // Needed before server 6.0, and without effect since.
    await admin.command({ enableSharding: db.databaseName })
    await admin.command({ shardCollection: records.namespace, key: { partition: 1 } })
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    logger?.warn("the collection could not be sharded by partition", {
      collection: records.namespace,
      code: codeOf(error),
    })
  }
}
