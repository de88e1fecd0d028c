/** Faults at the wire: which commands they meet, what they do, and how often they have done it. */
import type { ErrorCode } from "./errors.ts"
import type { Doc } from "./values.ts"

export type FaultAction =
  /** Closes the connection instead of executing the command. */
  | { readonly do: "cut-before" }
  /** Executes the command and closes the connection, at once or on `release()`: a lost acknowledgement. */
  | { readonly do: "cut-after"; readonly held?: true }
  /** Waits, then executes; with a shorter `maxTimeMS` it answers MaxTimeMSExpired then and does not execute. */
  | { readonly do: "delay"; readonly millis: number }
  /** Executes, waits, then answers. */
  | { readonly do: "delay-reply"; readonly millis: number }
  /** Waits for `release()`, then executes. */
  | { readonly do: "hold" }
  /** Executes, waits for `release()`, then answers. */
  | { readonly do: "hold-reply" }
  /** Answers with an error instead of executing. Within a transaction, a failed statement aborts it. */
  | { readonly do: "fail"; readonly code: ErrorCode }
  /** Executes, then answers with an error: the outcome is not what the answer suggests. */
  | { readonly do: "fail-after"; readonly code: ErrorCode }
  /** Executes and says that the write concern was not met. */
  | { readonly do: "write-concern-error"; readonly code: ErrorCode }
  /** Steps down before executing, so that the command meets no primary; primary again after `millis` (default 20). */
  | { readonly do: "step-down"; readonly millis?: number }

export interface FaultRule {
  /** Names of commands, as they stand on the wire: `insert`, `update`, `commitTransaction`, … */
  readonly commands: readonly string[]
  readonly when?: (command: Doc) => boolean
  /** How many commands pass before the first fault; default 0. */
  readonly skip?: number
  /** How many commands are met; default 1. */
  readonly times?: number
  readonly action: FaultAction
}

export class Fault {
  readonly rule: FaultRule
  readonly released = Promise.withResolvers<void>()
  private passed = 0
  private met = 0
  private waiting: { readonly hits: number; readonly resolve: () => void }[] = []

  constructor(rule: FaultRule) {
    this.rule = rule
  }

  /** How often the fault has struck. A test asserts this, or it has tested nothing. */
  get hits(): number {
    return this.met
  }

  /** Lets all commands go on that this fault holds, now and later. */
  release(): void {
    this.released.resolve()
  }

  /** Settles when the fault has struck `hits` times. */
  async struck(hits = 1): Promise<void> {
    if (this.met >= hits) return
    const struck = Promise.withResolvers<void>()
    this.waiting.push({ hits, resolve: struck.resolve })
    await struck.promise
  }

  /** Whether this command is one to strike; counts it. */
  meets(name: string, command: Doc): boolean {
    const { commands, when, skip = 0, times = 1 } = this.rule
    if (this.met >= times || !commands.includes(name) || when?.(command) === false) return false
    if (this.passed++ < skip) return false
    this.met++
    for (const each of this.waiting) if (each.hits <= this.met) each.resolve()
    return true
  }
}

export class Faults {
  private readonly faults: Fault[] = []

  inject(rule: FaultRule): Fault {
    const fault = new Fault(rule)
    this.faults.push(fault)
    return fault
  }

  clear(): void {
    for (const fault of this.faults.splice(0)) fault.release()
  }

  /** The fault that strikes this command; of several the one injected first. */
  next(name: string, command: Doc): Fault | undefined {
    return this.faults.find((fault) => fault.meets(name, command))
  }
}
