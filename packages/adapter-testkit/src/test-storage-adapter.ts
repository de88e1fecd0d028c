import { type Clause, runClause } from "./clause.ts"
import { clauses } from "./clauses/all.ts"
import { Summary } from "./summary.ts"
import type { MakeStore } from "./test-store.ts"

/** The functions of any test runner: the namespace of vitest or of `node:test`, jest's or mocha's globals. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  /** What a runner passes to a test is used to mark skipped ones; runners that pass nothing report them as passed. */
  it(name: string, body: (...context: unknown[]) => Promise<void>, timeoutMs: number): unknown
  afterAll?(body: () => void): unknown
  after?(body: () => void): unknown
}

export interface TestStorageAdapterOptions {
  /** The adapter's name in the output. */
  readonly name: string
  /** Makes a new, empty store for each clause. */
  readonly make: MakeStore
}

/** The longest that a clause may take, in milliseconds. Most take a few; a store behind a network takes longer. */
const patience = 60_000

/**
 * Registers one test for each clause of the storage port, and prints a summary after the last one: how many ran, which
 * were skipped and why, and the exceptions that the adapter declares.
 *
 * A clause that the adapter's `capabilities` ask for fails when `make` does not give what it needs.
 */
export const testStorageAdapter = (runner: TestRunner, { name, make }: TestStorageAdapterOptions): void => {
  const { describe, it } = runner
  const after = runner.afterAll ?? runner.after
  if (after === undefined) throw new TypeError("the test runner needs `afterAll` or `after`")
  const summary = new Summary(name)
  const makeNoted: MakeStore = async () => {
    const store = await make()
    summary.exceptions = store.storage.capabilities.exceptions
    return store
  }
  describe(`storage adapter ${name}`, () => {
    for (const clause of clauses) {
      // No named parameter: to jest and mocha that would mean a callback.
      const body = async (...[context]: unknown[]): Promise<void> => {
        const result = await summary.note(clause.id, () => soon(clause, runClause(clause, makeNoted)))
        if (result.status === "skipped") skip(context, result.reason)
      }
      it(`${clause.id}: ${clause.title}`, body, patience + 5_000)
    }
    after(() => void process.stdout.write(summary.text()))
  })
}

/** A hung call of an adapter ends with the clause's name also where the runner has no time limit. */
const soon = async <T>({ id }: Clause, running: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${id} did not end within ${patience} ms`)), patience)
  try {
    return await Promise.race([running, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** vitest and `node:test` hand each test something that can mark it as skipped; vitest's throws to do so. */
const skip = (context: unknown, reason: string): void => {
  if ((typeof context === "object" && context !== null) || typeof context === "function") {
    if ("skip" in context && typeof context.skip === "function") context.skip(reason)
  }
}
