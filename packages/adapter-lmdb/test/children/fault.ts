/** Runs under a strace that makes one system call fail, and tells as JSON what the calls came to. */
import { setTimeout as delay } from "node:timers/promises"
import { lmdbStorage } from "../../src/index.ts"
import { codeOf, read, write } from "../records.ts"

export interface Report {
  readonly first: string
  /** Sent together, so that they share the group that fails. */
  readonly failed: string[]
  /** Sent while that group was being written, so that it is in the next one. */
  readonly late: string
  readonly next: string
  readonly readFirst: string | undefined
  /** What a reader that never rested found: the numbers of records, or codes. */
  readonly listed: (number | string)[]
  /** What the same reader found under one leaf: the length of its text, or codes. */
  readonly found: (number | string | undefined)[]
  /** What reading and writing come to when the store was closed and opened again. */
  readonly again: (number | string | undefined)[]
}

const storage = lmdbStorage({ path: process.argv[2] ?? "" })
// Of more than a page, so that one writev writes all pages of a commit and pwrite64 only the meta page.
const text = "x".repeat(10_000)
const attempt = (leaf: string) => write(storage, leaf, text).catch(codeOf)
const count = () => storage.list("p", "c", { limit: 9, maxBytes: 1e9 }).then((page) => page.records.length, codeOf)
const lengthOfFirst = () => read(storage, "first").then((text) => text?.length, codeOf)

const first = await attempt("first")
const listed = new Set<number | string>()
const found = new Set<number | string | undefined>()
let over = false
const reader = (async () => {
  for (; !over; await new Promise((resolve) => setImmediate(resolve))) {
    found.add(await lengthOfFirst())
    listed.add(await count())
  }
})()
const group = Promise.all(["a", "b", "c"].map(attempt))
await delay(50)
const late = attempt("late")
const failed = await group
const outcomes = {
  first,
  failed,
  late: await late,
  next: await attempt("next"),
  readFirst: (await read(storage, "first").catch(codeOf))?.slice(0, 10),
  listed: [...listed.add(await count())],
  found: [...found.add(await lengthOfFirst())],
}
over = true
await reader
await storage.close()

const reopened = lmdbStorage({ path: process.argv[2] ?? "" })
const again = [(await read(reopened, "first"))?.length, await write(reopened, "again", text).catch(codeOf)]
await reopened.close()
const report: Report = { ...outcomes, again }
console.log(JSON.stringify(report))
