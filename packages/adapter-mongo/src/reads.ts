import {
  type Address,
  type ListedRecord,
  type ListOptions,
  type Page,
  type StoredRecord,
  takePage,
} from "@strongroom/core"
import { filterOf, keyOf, type Records, recordOf } from "./documents.ts"
import { brokeOff, lostSnapshot, notApplied, sentAway } from "./errors.ts"
import { Retries } from "./retries.ts"

/** How often a read is done whose snapshot is gone or that the server sends away, and how often one whose connection breaks. */
const attempts = { passing: 32, brokenOff: 4 }

/** The driver repeats a `find` once, and no `getMore`; a snapshot that is gone it does not look for again. */
export const reading = async <A>(read: () => Promise<A>): Promise<A> => {
  const retries = new Retries()
  for (;;) {
    try {
      return await read()
    } catch (error) {
      const limit = lostSnapshot(error) || sentAway(error) ? attempts.passing : brokeOff(error) ? attempts.brokenOff : 1
      if (!(await retries.again(limit))) throw notApplied(error)
    }
  }
}

/** One record per address, in order. The cursor has the snapshot of its first batch to its end. */
export const readRecords = (
  records: Records,
  maxTimeMS: number,
  partition: string,
  addresses: readonly Address[],
): Promise<readonly (StoredRecord | undefined)[]> =>
  reading(async () => {
    const found = new Map<string, StoredRecord>()
    for await (const document of records.find(filterOf(partition, addresses), { maxTimeMS })) {
      found.set(keyOf(document), recordOf(document))
    }
    return addresses.map((address) => found.get(keyOf(address)))
  })

/** Reads no further than it must to know where the page ends. */
export const listRecords = (
  records: Records,
  maxTimeMS: number,
  partition: string,
  collection: string,
  options: ListOptions,
): Promise<Page> =>
  reading(async () => {
    const { after, limit, maxBytes } = options
    const filter = { partition, collection, ...(after !== undefined && { leaf: { $gt: after } }) }
    const found: ListedRecord[] = []
    let bytes = 0
    for await (const document of records.find(filter, { sort: { leaf: 1 }, limit: limit + 1, maxTimeMS })) {
      const record = recordOf(document)
      found.push({ leaf: document.leaf, record })
      bytes += record.bytes.length
      if (bytes > maxBytes && found.length > 1) break
    }
    return takePage(found, options)
  })
