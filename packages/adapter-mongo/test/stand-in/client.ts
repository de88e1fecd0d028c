/** A stand-in and real driver clients on it, for one test; all are closed when the test ends. */
import { MongoClient, type MongoClientOptions } from "mongodb"
import { onTestFinished } from "vitest"
import { type StandIn, type StandInOptions, startStandIn } from "./stand-in.ts"

export interface Item {
  readonly _id: string
  readonly n?: number
  readonly group?: string
  readonly lock?: number
}

export const started = async (options: StandInOptions = {}): Promise<StandIn> => {
  const standIn = await startStandIn(options)
  onTestFinished(() => standIn.stop())
  return standIn
}

export const connect = async (standIn: StandIn, options: MongoClientOptions = {}): Promise<MongoClient> => {
  // After a change of the topology a driver waits half a second, by default, before it looks again.
  const quick = { serverSelectionTimeoutMS: 5_000, minHeartbeatFrequencyMS: 10 }
  const client = new MongoClient(standIn.uri, { ...quick, ...options })
  onTestFinished(() => client.close())
  await client.connect()
  return client
}

export const collectionOf = (client: MongoClient) => client.db("test").collection<Item>("items")

export const setUp = async (options: StandInOptions = {}) => {
  const standIn = await started(options)
  const client = await connect(standIn)
  return { standIn, client, items: collectionOf(client) }
}

export const snapshotMajority = { readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } } as const

/** The error that a promise rejects with. */
export const errorOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error("was expected to fail")
}
