import { randomBytes } from "node:crypto"
import { mongoStorage } from "@strongroom/adapter-mongo"
import { Binary, MongoClient } from "mongodb"
import type { Pace } from "../interleave.ts"
import { leftOut, type SuiteResult } from "../result.ts"
import { remoteSuite } from "./remote.ts"

/**
 * On the server that MONGODB_URI names, in a database of its own that is dropped afterwards.
 *
 * So far only run against the stand-in of the adapter's tests, to see that it works: that one keeps everything in memory and
 * tells nothing of what MongoDB costs.
 */
export const mongodbSuite = async (pace: Pace): Promise<SuiteResult> => {
  const uri = process.env["MONGODB_URI"]
  if (uri === undefined) {
    return leftOut("needs a MongoDB replica set, named by MONGODB_URI; the stand-in of the tests is no comparison")
  }
  const client = new MongoClient(uri)
  const db = client.db(`strongroom_bench_${randomBytes(4).toString("hex")}`)
  const records = db.collection<{ _id: string; bytes: Binary }>("raw")
  // What our adapter asks for.
  const concerns = { readConcern: { level: "snapshot" }, writeConcern: { w: "majority", journal: true } } as const
  try {
    const comparisons = await remoteSuite(
      {
        id: "mongodb",
        title: "MongoDB",
        storage: await mongoStorage({ db }),
        writer: (lengths) => {
          const all = lengths.map((length) => new Binary(randomBytes(length)))
          return (name) =>
            client.withSession((session) =>
              session.withTransaction(
                () =>
                  records.insertMany(
                    all.map((bytes, index) => ({ _id: `${name}/${index}`, bytes })),
                    { session },
                  ),
                concerns,
              ),
            )
        },
        get: async (name, count) => {
          const names = Array.from({ length: count }, (_, index) => `${name}/${index}`)
          const found = await records.find({ _id: { $in: names } }, { readConcern: concerns.readConcern }).toArray()
          if (found.length !== count) throw new Error(`${name} is missing`)
        },
      },
      pace,
    )
    return { comparisons, goals: [] }
  } finally {
    await db.dropDatabase().catch(() => undefined)
    await client.close()
  }
}
