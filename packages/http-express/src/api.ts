import type { Principal, Strongroom } from "@strongroom/core"
import type { Request } from "express"
import type { ErrorTable } from "./errors.ts"

export interface Answer {
  readonly status: number
  /** Absent: none, as 204 wants it. */
  readonly body?: unknown
}

/** One authenticated request. The body is read when it is asked for, so that what is checked before it comes first. */
export interface Call {
  readonly strongroom: Strongroom
  readonly principal: Principal
  readonly req: Request
  readonly readBody: () => Promise<unknown>
}

export type Operation = (call: Call) => Promise<Answer>

/** Methods that are not named here are left to the application. */
export interface Endpoint {
  readonly path: string
  readonly GET?: Operation
  readonly POST?: Operation
  readonly PATCH?: Operation
  readonly DELETE?: Operation
}

/** What tells the two APIs apart. */
export interface Api {
  readonly endpoints: readonly Endpoint[]
  readonly errors: ErrorTable
  readonly errorBody: (text: string) => unknown
}
