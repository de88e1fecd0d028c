/** Filters, sort orders and projections. What is not listed is refused as the server refuses an unknown operator. */
import { ServerError } from "./errors.ts"
import { compare, type Doc, docOf, docsOf, get, isDoc, numberOf, withValue } from "./values.ts"

const isOperators = (value: unknown): value is Doc =>
  isDoc(value) && Object.keys(value).length > 0 && Object.keys(value).every((key) => key.startsWith("$"))

const sameType = (a: unknown, b: unknown): boolean => typeof a === typeof b && (a === null) === (b === null)

const list = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value
  throw new ServerError(2, "$in needs an array")
}

const test = (operator: string, value: unknown, operand: unknown): boolean => {
  switch (operator) {
    case "$eq":
      return compare(value, operand) === 0
    case "$ne":
      return compare(value, operand) !== 0
    case "$in":
      return list(operand).some((each) => compare(value, each) === 0)
    case "$nin":
      return !list(operand).some((each) => compare(value, each) === 0)
    case "$exists":
      return (value !== undefined) === Boolean(operand)
    // Ranges never cross types ("type bracketing" in the manual).
    case "$gt":
      return sameType(value, operand) && compare(value, operand) > 0
    case "$gte":
      return sameType(value, operand) && compare(value, operand) >= 0
    case "$lt":
      return sameType(value, operand) && compare(value, operand) < 0
    case "$lte":
      return sameType(value, operand) && compare(value, operand) <= 0
    default:
      throw new ServerError(2, `unknown operator: ${operator}`)
  }
}

export const matches = (doc: Doc, filter: Doc): boolean =>
  Object.entries(filter).every(([field, condition]) => {
    if (field === "$and") return docsOf(condition, "$and").every((each) => matches(doc, each))
    if (field === "$or") return docsOf(condition, "$or").some((each) => matches(doc, each))
    if (field === "$nor") return !docsOf(condition, "$nor").some((each) => matches(doc, each))
    if (field === "$comment") return true
    if (field.startsWith("$")) throw new ServerError(2, `unknown top level operator: ${field}`)
    const value = get(doc, field)
    if (!isOperators(condition)) return compare(value, condition) === 0
    return Object.entries(condition).every(([operator, operand]) => test(operator, value, operand))
  })

/** The fields that a matching document must equal; these choose an index, and fill the document of an upsert. */
export const equalities = (filter: Doc): Map<string, unknown> => {
  const found = new Map<string, unknown>()
  for (const [field, condition] of Object.entries(filter)) {
    if (field === "$and") {
      for (const each of docsOf(condition, "$and")) for (const [key, value] of equalities(each)) found.set(key, value)
    } else if (!field.startsWith("$")) {
      if (!isOperators(condition)) found.set(field, condition)
      else if ("$eq" in condition) found.set(field, condition["$eq"])
    }
  }
  return found
}

export const sorter = (sort: Doc): ((a: Doc, b: Doc) => number) => {
  const order = Object.entries(sort).map(([field, direction]) => [field, numberOf(direction, 1)] as const)
  return (a, b) => {
    for (const [field, direction] of order) {
      const result = compare(get(a, field), get(b, field)) * direction
      if (result !== 0) return result
    }
    return 0
  }
}

export const project = (doc: Doc, projection: Doc): Doc => {
  const fields = Object.entries(projection)
  const others = fields.filter(([field]) => field !== "_id")
  const inclusive = others.length > 0 ? others.some(([, keep]) => Boolean(keep)) : Boolean(projection["_id"] ?? false)
  if (others.some(([, keep]) => typeof keep === "object")) {
    throw new ServerError(2, "the stand-in has plain projections only")
  }
  if (others.some(([, keep]) => Boolean(keep) !== inclusive)) {
    throw new ServerError(2, "Cannot mix inclusion and exclusion in one projection")
  }
  if (fields.length === 0) return doc
  if (!inclusive) return fields.reduce((rest, [field, keep]) => (keep ? rest : withValue(rest, field, undefined)), doc)
  let kept: Doc = "_id" in doc && projection["_id"] !== 0 && projection["_id"] !== false ? { _id: doc["_id"] } : {}
  for (const [field] of others) {
    const value = get(doc, field)
    if (value !== undefined) kept = withValue(kept, field, value)
  }
  return kept
}

/** The filter of a command, absent meaning "all". */
export const filterOf = (command: Doc, field: string): Doc => docOf(command[field] ?? {}, field)
