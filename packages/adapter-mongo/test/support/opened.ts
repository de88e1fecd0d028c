/** The adapter on a stand-in of its own, for one test. All is closed when the test ends. */
import { type Address, type Commit, type StorageAdapter, StorageError } from "@strongroom/core"
import type { MongoClientOptions } from "mongodb"
import { onTestFinished } from "vitest"
import type { RecordDocument } from "../../src/documents.ts"
import { mongoStorage } from "../../src/index.ts"
import { connect, started } from "../stand-in/client.ts"
import type { StandIn, StandInOptions } from "../stand-in/stand-in.ts"

export const storageOn = async (
  standIn: StandIn,
  { clientOptions = {}, maxTimeMS = 30_000 }: { clientOptions?: MongoClientOptions; maxTimeMS?: number } = {},
) => {
  const client = await connect(standIn, clientOptions)
  const storage = await mongoStorage({ client, maxTimeMS })
  onTestFinished(() => storage.close())
  return { client, storage, documents: client.db("strongroom").collection<RecordDocument>("strongroom") }
}

export const opened = async (
  options: { clientOptions?: MongoClientOptions; maxTimeMS?: number; standIn?: StandInOptions } = {},
) => {
  const standIn = await started(options.standIn)
  return { standIn, ...(await storageOn(standIn, options)) }
}

/** What became of a commit, in a word. Fails on an error that is none of the port's. */
export const outcomeOf = async (storage: StorageAdapter, commit: Commit, signal?: AbortSignal): Promise<string> => {
  try {
    return (await storage.commit("p", commit, signal && { signal })).status
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return error.code
  }
}

/** Which of the addresses hold a record. */
export const present = async (storage: StorageAdapter, ...addresses: readonly Address[]): Promise<boolean[]> =>
  (await storage.read("p", addresses)).map((record) => record !== undefined)
