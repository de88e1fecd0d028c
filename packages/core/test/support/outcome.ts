import { type ErrorCode, type ErrorDetails, isStrongroomError } from "../../src/domain/errors.ts"

/** How a call ended. */
export type Outcome<A> =
  | { readonly ok: true; readonly value: A }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails }

/** Rejects with whatever is no `StrongroomError`: that is never a proper end. */
export const outcomeOf = async <A>(call: Promise<A>): Promise<Outcome<A>> => {
  try {
    return { ok: true, value: await call }
  } catch (error) {
    if (!isStrongroomError(error)) throw error
    return { ok: false, code: error.code, message: error.message, details: error.details }
  }
}

/** The code of an end, `"ok"` for a good one. */
export const codeOf = (outcome: Outcome<unknown>): ErrorCode | "ok" => (outcome.ok ? "ok" : outcome.code)
