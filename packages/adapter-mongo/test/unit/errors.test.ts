import { inspect } from "node:util"
import type { StorageError } from "@strongroom/core"
import { Binary, MongoBulkWriteError, MongoError, MongoNetworkError, MongoServerError } from "mongodb"
import { expect, it } from "vitest"
import { connect } from "../../src/connect.ts"
import { brokeOff, codeOf, describe, hasLabel, lostRace, lostSnapshot, notApplied } from "../../src/errors.ts"

const secret = "hunter2"
const server = (code: number, codeName: string, errorLabels: string[] = []) =>
  new MongoServerError({ message: `about ${secret}`, errmsg: `about ${secret}`, code, codeName, errorLabels })

// What the driver makes of a failed bulk write: all documents hang on it, and the server quotes the key.
const bulk = new MongoBulkWriteError(
  { message: `E11000 duplicate key error dup key: { leaf: "${secret}" }`, code: 11000, writeErrors: [] },
  Object.assign(Object.create(null), { insertedIds: {}, operations: [{ bytes: new Binary(Buffer.from(secret)) }] }),
)

const refused = Object.assign(new Error(`connect ECONNREFUSED ${secret}`), { code: "ECONNREFUSED" })
const network = new MongoNetworkError(`connection to ${secret} closed`, { cause: refused })

it.each([
  [server(13, "Unauthorized"), "FATAL", "MongoDB: MongoServerError Unauthorized (13)"],
  [server(18, "AuthenticationFailed"), "FATAL", "MongoDB: MongoServerError AuthenticationFailed (18)"],
  [server(121, "DocumentValidationFailure"), "FATAL", "MongoDB: MongoServerError DocumentValidationFailure (121)"],
  [server(388, "TransactionTooLargeForCache"), "FATAL", "MongoDB: MongoServerError TransactionTooLargeForCache (388)"],
  [server(50, "MaxTimeMSExpired"), "UNAVAILABLE", "MongoDB: MongoServerError MaxTimeMSExpired (50)"],
  [server(10107, "NotWritablePrimary"), "UNAVAILABLE", "MongoDB: MongoServerError NotWritablePrimary (10107)"],
  [bulk, "UNAVAILABLE", "MongoDB: MongoBulkWriteError (11000)"],
  [network, "UNAVAILABLE", "MongoDB: MongoNetworkError (ECONNREFUSED)"],
  [new MongoError(secret), "UNAVAILABLE", "MongoDB: MongoError"],
  [new TypeError(secret), "UNAVAILABLE", "MongoDB: TypeError"],
  [secret, "UNAVAILABLE", "MongoDB: an error"],
])("is told by its name and code alone: %s", (error, code, message) => {
  const told = [notApplied(error), describe("UNKNOWN_OUTCOME", error)]
  expect(told.map((each) => each.message)).toEqual([message, message])
  expect(told.map((each) => each.code)).toEqual([code, "UNKNOWN_OUTCOME"])
  expect(inspect(told, { depth: null, showHidden: true })).not.toContain(secret)
})

it("an error of the driver is known by its shape, from whichever copy of the driver it comes", () => {
  class MongoServerErrorOfAnotherCopy extends Error {
    readonly code = 112
    readonly codeName = "WriteConflict"
    get errorLabels() {
      return ["TransientTransactionError"]
    }
  }
  const error = new MongoServerErrorOfAnotherCopy()
  expect([codeOf(error), lostRace(error), hasLabel(error, "TransientTransactionError")]).toEqual([112, true, true])
  expect([brokeOff(error), brokeOff(network), brokeOff(new Error("other"))]).toEqual([false, true, false])
  expect([lostSnapshot(server(239, "SnapshotTooOld")), lostSnapshot(error)]).toEqual([true, false])
})

it.each([
  `mongodb://user:${secret}@`,
  `mongodb://user:${secret}/x@host/`,
  `redis://user:${secret}@host`,
  `mongodb://user:${secret}@host/?no-such-option=1`,
  `mongodb://user:${secret}%@host/`,
  `mongodb://user:${secret}@host/?replicaSet=a&replicaSet=b&directConnection=true&loadBalanced=true`,
])("a URI that cannot be used is FATAL, and not told: %s", (uri) => {
  const failed = (): StorageError => {
    try {
      connect({ uri })
    } catch (error) {
      if (error instanceof Error && "code" in error) return error as StorageError
    }
    throw new Error("was expected to fail")
  }
  expect(failed().code).toBe("FATAL")
  expect(inspect(failed(), { depth: null, showHidden: true })).not.toContain(secret)
})

it.each([
  ["mongodb://host/", undefined, "strongroom"],
  ["mongodb://host", undefined, "strongroom"],
  ["mongodb://host/?appName=x", undefined, "strongroom"],
  ["mongodb://user:p%2Fw@h1:1,h2:2/named?appName=x", undefined, "named"],
  ["mongodb://host/named", "given", "given"],
])("the database of %s, given %s, is %s", async (uri, database, expected) => {
  const { db, end } = connect({ uri, ...(database && { database }) })
  expect(db.databaseName).toBe(expected)
  await end()
})
