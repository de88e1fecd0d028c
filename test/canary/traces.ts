import { format, inspect } from "node:util"
import type { MarkerName } from "./markers.ts"

/** Where something may have leaked to. */
export type Kind = "log" | "error" | "object" | "span" | "http" | "process" | "stored"

export interface Trace {
  readonly kind: Kind
  readonly where: string
  readonly base64: string
  /** Markers that belong there: an answer whose purpose is to return them. */
  readonly returns: readonly MarkerName[]
}

const everything = {
  depth: Number.POSITIVE_INFINITY,
  showHidden: true,
  getters: true,
  showProxy: true,
  maxArrayLength: null,
  maxStringLength: null,
} as const

/** Everything that somebody might print of a value. */
const printed = (value: unknown): string => {
  const ways: readonly (() => string | undefined)[] = [
    () => inspect(value, everything),
    () => inspect(value, { ...everything, customInspect: false }),
    () => format("%s %o %O %j", value, value, value, value),
    () => JSON.stringify(value),
    () => `${value}`,
    () => (value instanceof Error ? `${value.message}\n${value.stack}\n${printed(value.cause)}` : undefined),
  ]
  return ways
    .map((way) => {
      try {
        return way()
      } catch {
        // Some ways refuse some values.
        return undefined
      }
    })
    .join("\n")
}

/** Collects what is to be searched. */
export class Traces {
  readonly counts: Partial<Record<Kind, number>> = {}
  readonly #traces = new Map<string, Trace>()

  /** Says whether this is the first of its content: equal ones are kept, and searched, once. */
  add(kind: Kind, where: string, content: string | Uint8Array, returns: readonly MarkerName[] = []): boolean {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    const base64 = Buffer.from(content).toString("base64")
    const key = `${kind} ${returns.join()} ${base64}`
    if (this.#traces.has(key)) return false
    this.#traces.set(key, { kind, where, base64, returns })
    return true
  }

  print(kind: Kind, where: string, value: unknown, returns: readonly MarkerName[] = []): boolean {
    return this.add(kind, where, printed(value), returns)
  }

  all(): readonly Trace[] {
    return [...this.#traces.values()]
  }
}
