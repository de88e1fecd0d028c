/** BSON values: their order, their keys in an index, and paths into documents. Arrays are matched as a whole only. */
import { type Binary, BSON, type Long, type ObjectId, type Timestamp } from "mongodb"
import { ServerError } from "./errors.ts"

export interface Doc {
  [field: string]: unknown
}

const bsonType = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "_bsontype" in value ? String(value._bsontype) : undefined

export const isBinary = (value: unknown): value is Binary => bsonType(value) === "Binary"
const isObjectId = (value: unknown): value is ObjectId => bsonType(value) === "ObjectId"
export const isTimestamp = (value: unknown): value is Timestamp => bsonType(value) === "Timestamp"
const isLong = (value: unknown): value is Long => bsonType(value) === "Long"

export const isDoc = (value: unknown): value is Doc =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  bsonType(value) === undefined &&
  !(value instanceof Date)

export const docOf = (value: unknown, what: string): Doc => {
  if (isDoc(value)) return value
  throw new ServerError(2, `${what} must be an object`)
}

export const docsOf = (value: unknown, what: string): readonly Doc[] => {
  if (Array.isArray(value)) return value.map((each) => docOf(each, what))
  throw new ServerError(2, `${what} must be an array`)
}

export const textOf = (value: unknown, what: string): string => {
  if (typeof value === "string") return value
  throw new ServerError(2, `${what} must be a string`)
}

/** A number of any BSON type, as the server accepts it in commands. */
export const numberOf = (value: unknown, otherwise: number): number => {
  if (typeof value === "number") return value
  return isLong(value) ? value.toNumber() : otherwise
}

// The order of types, from the manual, "Comparison/Sort Order": null, numbers, strings, objects, arrays, binary,
// ObjectId, booleans, dates, timestamps.
const rank = (value: unknown): number => {
  if (value === undefined || value === null) return 0
  if (typeof value === "number" || typeof value === "bigint" || isLong(value)) return 1
  if (typeof value === "string") return 2
  if (isDoc(value)) return 3
  if (Array.isArray(value)) return 4
  if (isBinary(value)) return 5
  if (isObjectId(value)) return 6
  if (typeof value === "boolean") return 7
  if (value instanceof Date) return 8
  if (isTimestamp(value)) return 9
  throw new ServerError(2, `the stand-in does not know values of type ${bsonType(value) ?? typeof value}`)
}

const compareLists = (a: readonly unknown[], b: readonly unknown[]): number => {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const order = compare(a[at], b[at])
    if (order !== 0) return order
  }
  return a.length - b.length
}

export const compare = (a: unknown, b: unknown): number => {
  const byType = rank(a) - rank(b)
  if (byType !== 0) return byType
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b))
  if (isBinary(a) && isBinary(b)) {
    return a.position - b.position || a.sub_type - b.sub_type || Buffer.compare(a.value(), b.value())
  }
  if (isObjectId(a) && isObjectId(b)) return Buffer.compare(a.id, b.id)
  if (isTimestamp(a) && isTimestamp(b)) return a.compare(b)
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b)
  if (isDoc(a) && isDoc(b)) return compareLists(Object.entries(a), Object.entries(b))
  return Number(a ?? 0) - Number(b ?? 0)
}

/** A string that is equal for equal values, and only for them. */
export const keyOf = (value: unknown): string => BSON.EJSON.stringify({ v: value ?? null })

export const get = (doc: unknown, path: string): unknown => {
  let value: unknown = doc
  for (const step of path.split(".")) {
    if (!isDoc(value)) return undefined
    value = Object.hasOwn(value, step) ? value[step] : undefined
  }
  return value
}

/** A copy of `doc` with the value at `path` replaced, or removed when it is `undefined`. */
export const withValue = (doc: Doc, path: string, value: unknown): Doc => {
  const [head = "", ...rest] = path.split(".")
  const copy = { ...doc }
  if (rest.length > 0) {
    const inner = copy[head] ?? {}
    copy[head] = withValue(docOf(inner, `the value at ${head}`), rest.join("."), value)
  } else if (value === undefined) delete copy[head]
  else copy[head] = value
  return copy
}
