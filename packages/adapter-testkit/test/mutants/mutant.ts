import type { MakeStore } from "../../src/index.ts"

/** An adapter that is broken in one way. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string
  /** The clause that finds it out. */
  readonly caughtBy: string
  /** What that clause says. */
  readonly saying: RegExp
  /** Clauses that it keeps: the one above is really needed. */
  readonly keeps?: readonly string[]
  readonly make: MakeStore
}
