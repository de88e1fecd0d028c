/** What an update makes of a document: `$set`, `$setOnInsert`, `$unset`, `$inc`, or a replacement. */
import { BSON, ObjectId } from "mongodb"
import { ServerError } from "./errors.ts"
import { equalities } from "./query.ts"
import { compare, type Doc, docOf, get, withValue } from "./values.ts"

const maxDocumentBytes = 16 * 1024 * 1024

export const checkSize = (doc: Doc): void => {
  const size = BSON.calculateObjectSize(doc)
  if (size > maxDocumentBytes) {
    throw new ServerError(10334, `BSONObj size: ${size} is invalid. Size must be between 0 and ${maxDocumentBytes}`)
  }
}

const isReplacement = (update: Doc): boolean => !Object.keys(update).some((key) => key.startsWith("$"))

export const applyUpdate = (doc: Doc, update: Doc, inserting: boolean): Doc => {
  let next = doc
  if (isReplacement(update)) next = { ...("_id" in doc ? { _id: doc["_id"] } : {}), ...update }
  else {
    for (const [operator, argument] of Object.entries(update)) {
      for (const [path, value] of Object.entries(docOf(argument, operator))) {
        if (operator === "$set") next = withValue(next, path, value)
        else if (operator === "$unset") next = withValue(next, path, undefined)
        else if (operator === "$inc") next = withValue(next, path, Number(get(next, path) ?? 0) + Number(value))
        else if (operator !== "$setOnInsert") throw new ServerError(9, `Unknown modifier: ${operator}`)
        else if (inserting) next = withValue(next, path, value)
      }
    }
  }
  if ("_id" in doc && compare(doc["_id"], next["_id"]) !== 0) {
    throw new ServerError(66, "Performing an update on the path '_id' would modify the immutable field '_id'")
  }
  checkSize(next)
  return next
}

/** The document that an upsert inserts when nothing matches: the filter's equalities, then the update. */
export const upsertDoc = (filter: Doc, update: Doc): Doc => {
  let base: Doc = {}
  for (const [path, value] of equalities(filter)) {
    if (path === "_id" || !isReplacement(update)) base = withValue(base, path, value)
  }
  const made = applyUpdate(base, update, true)
  return "_id" in made ? made : { _id: new ObjectId(), ...made }
}
