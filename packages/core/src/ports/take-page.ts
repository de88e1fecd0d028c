import type { ListedRecord, ListOptions, Page } from "./storage.ts"

/** One page of records that come in the order of their leaves. Takes no more of them than it needs to know `more`. */
export const takePage = (found: Iterable<ListedRecord>, { limit, maxBytes }: ListOptions): Page => {
  const records: ListedRecord[] = []
  let bytes = 0
  for (const listed of found) {
    bytes += listed.record.bytes.length
    const full = records.length === limit || bytes > maxBytes
    if (full && records.length > 0) return { records, more: true }
    records.push(listed)
  }
  return { records, more: false }
}
