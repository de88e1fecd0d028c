import { type Logger, StorageError } from "@strongroom/core"
import { type Db, type Document, MongoServerError } from "mongodb"
import type { Records } from "./documents.ts"
import { hasLabel, notApplied } from "./errors.ts"

/** Reads at one snapshot outside transactions came with server 5.0, whose wire version is 13. */
const oldestWireVersion = 13
const indexName = "strongroom_address"

const refuse = (why: string): never => {
  throw new StorageError("FATAL", why)
}

const numberIn = (document: Document, field: string): number => {
  const value: unknown = document[field]
  return typeof value === "number" ? value : 0
}

/** Products that speak MongoDB's protocol but not its transactions and snapshots as this adapter needs them. */
const lookAlike = (hello: Document, buildInfo: Document, hosts: readonly string[]): string | undefined => {
  if (buildInfo["ferretdb"] !== undefined || buildInfo["ferretdbVersion"] !== undefined) return "FerretDB"
  if (hosts.some((host) => /\.cosmos(db)?\.azure\.com(:|$)/u.test(host))) return "Azure Cosmos DB"
  if (hosts.some((host) => /\.docdb(-elastic)?\.amazonaws\.com(:|$)/u.test(host))) return "Amazon DocumentDB"
  const modules = [hello["internal"], buildInfo["internal"]]
  return modules.some(
    (internal) => typeof internal === "object" && internal !== null && "documentdb_versions" in internal,
  )
    ? "DocumentDB"
    : undefined
}

/** Refuses, with `FATAL` and one sentence, every server that cannot keep the port's promises. */
export const checkServer = async (db: Db): Promise<{ readonly sharded: boolean }> => {
  const admin = db.admin()
  const hello = await admin.command({ hello: 1 })
  const buildInfo = await admin.command({ buildInfo: 1 })
  const product = lookAlike(hello, buildInfo, db.client.options.hosts.map(String))
  if (product !== undefined) {
    refuse(
      `${product} is not supported: it does not give the snapshot transactions that a commit needs; use MongoDB 5.0 or later`,
    )
  }
  if (numberIn(hello, "maxWireVersion") < oldestWireVersion) {
    refuse("the server is older than MongoDB 5.0 and cannot read many records at one snapshot")
  }
  const sharded = hello["msg"] === "isdbgrid"
  if (!sharded && hello["setName"] === undefined) {
    refuse(
      "a standalone mongod has no transactions: start it with --replSet rs0, run rs.initiate() once, and it is a replica set of one node",
    )
  }
  return { sharded }
}

/** The one index: it finds, it sorts the leaves of a collection, and it keeps an address from being there twice. */
export const ensureIndex = async (records: Records): Promise<void> => {
  try {
    await records.createIndex({ partition: 1, collection: 1, leaf: 1 }, { name: indexName, unique: true })
  } catch (error) {
    // IndexOptionsConflict, IndexKeySpecsConflict
    if (error instanceof MongoServerError && (error.code === 85 || error.code === 86)) {
      refuse(
        `collection ${records.collectionName} has another index in the place of ${indexName} (unique, over partition, collection, leaf): drop it or name another collection`,
      )
    }
    throw notApplied(error)
  }
}

/** In a sharded cluster a partition lives on one shard. Somebody without the right to shard may have it done by hand. */
export const ensureSharded = async (db: Db, records: Records, logger: Logger | undefined): Promise<void> => {
  try {
    await db.client.db("admin").command({ shardCollection: records.namespace, key: { partition: 1 } })
  } catch (error) {
    if (!(error instanceof MongoServerError) || hasLabel(error, "TransientTransactionError")) throw notApplied(error)
    logger?.warn("the collection could not be sharded by partition", {
      collection: records.namespace,
      code: error.codeName,
    })
  }
}
