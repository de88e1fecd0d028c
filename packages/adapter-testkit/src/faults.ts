import type { CallOptions, Commit, CommitResult, StorageAdapter, StorageErrorCode } from "@strongroom/core"

/**
 * What can go wrong between a caller and a store.
 *
 * - `refuse`: not applied, and the error says so (`code`)
 * - `lose-request`: not applied, reported as an unknown outcome; a read just fails
 * - `lose-reply`: applied, reported as an unknown outcome
 * - `foreign`: applied, reported by an error that no adapter should throw
 * - `twice`: applied and sent again at once; the second reply is reported
 * - `again-late`: applied and reported; a second copy arrives `after` further calls
 * - `late`: reported as an unknown outcome; the only copy arrives `after` further calls
 * - `slow-request`: carried out once `until()` has settled
 * - `slow-reply`: carried out at once, and reported once `until()` has settled
 *
 * No fault reports a conflict while a copy is on its way: an adapter that did would break the port, by which a conflict
 * means that nothing is written. `twice` does break it where the second copy fails on what the first has written; core
 * knows such a conflict by its receipt.
 */
export type Fault =
  | { readonly kind: "refuse"; readonly code: Exclude<StorageErrorCode, "UNKNOWN_OUTCOME"> }
  | { readonly kind: "lose-request" | "lose-reply" | "foreign" | "twice" }
  | { readonly kind: "again-late" | "late"; readonly after: number }
  | { readonly kind: "slow-request" | "slow-reply"; readonly until: () => Promise<unknown> }

/** Every kind of fault, for tests that assert that each has happened. */
export const faultKinds = [
  "refuse",
  "lose-request",
  "lose-reply",
  "foreign",
  "twice",
  "again-late",
  "late",
  "slow-request",
  "slow-reply",
] as const satisfies readonly Fault["kind"][]

export type FaultKind = Fault["kind"]

/** What goes wrong with a call, if anything. `index` counts all calls from 0, beginning when the plan is armed. */
export type FaultPlan = (call: {
  readonly kind: "read" | "list" | "commit"
  readonly index: number
}) => Fault | undefined

/** An adapter with faults, and what the faults have done so far. */
export interface FaultInjector {
  /** The adapter with faults. Closing it closes the one inside. */
  readonly storage: StorageAdapter
  /** Nothing goes wrong before this. Copies that are on their way stay so. */
  readonly arm: (plan: FaultPlan) => void
  /** How often each fault has happened: assert on it, or a fault that does nothing leaves a green run. */
  readonly happened: Readonly<Record<FaultKind, number>>
  /** Late copies that found their checks still true, and so were applied late. */
  readonly appliedLate: () => number
  /** Lets every copy that is still on its way arrive. */
  readonly deliverAll: () => Promise<void>
}

/** A rejection as adapters make them: a `code`, and a message that nobody should rely on. */
const rejection = (code: StorageErrorCode): Error => Object.assign(new Error(`injected ${code}`), { code })

/** Resolves however `until` ends: it is about time, and its failure is nobody's. */
const settled = async (until: () => Promise<unknown>): Promise<void> => {
  await Promise.allSettled([until()])
}

interface Late {
  /** How many more calls it lets pass. */
  readonly after: number
  readonly deliver: () => Promise<CommitResult>
}

/**
 * Wraps an adapter so that a plan decides for each call whether something goes wrong. Commits can suffer everything; a
 * read or a list can be slow, and fails at any other fault. Late copies arrive, one after the other, before a later call
 * is carried out, so that a run depends on nothing but the plan and the order of calls.
 *
 * `options` go to the adapter inside with the first copy of a call. A late copy has none: an abort cannot call it back.
 */
export const injectFaults = (inner: StorageAdapter): FaultInjector => {
  const happened: Record<FaultKind, number> = {
    refuse: 0,
    "lose-request": 0,
    "lose-reply": 0,
    foreign: 0,
    twice: 0,
    "again-late": 0,
    late: 0,
    "slow-request": 0,
    "slow-reply": 0,
  }
  let plan: FaultPlan = () => undefined
  let calls = 0
  let appliedLate = 0
  let onTheirWay: readonly Late[] = []

  const deliver = async (isDue: (late: Late) => boolean): Promise<void> => {
    const due = onTheirWay.filter(isDue)
    onTheirWay = onTheirWay.filter((late) => !isDue(late))
    for (const late of due) {
      // A late copy may meet a store that is closed or busy: then it is lost, which is one more thing that happens.
      const result = await late.deliver().catch(() => undefined)
      if (result?.status === "committed") appliedLate++
    }
  }

  const next = async (kind: "read" | "list" | "commit"): Promise<Fault | undefined> => {
    const fault = plan({ kind, index: calls++ })
    onTheirWay = onTheirWay.map((late) => ({ ...late, after: late.after - 1 }))
    await deliver(({ after }) => after < 0)
    return fault
  }

  const reading = async <A>(kind: "read" | "list", read: () => Promise<A>): Promise<A> => {
    const fault = await next(kind)
    if (fault === undefined) return read()
    happened[fault.kind]++
    switch (fault.kind) {
      case "slow-request":
        return settled(fault.until).then(read)
      case "slow-reply":
        return read().finally(() => settled(fault.until))
      case "refuse":
        throw rejection(fault.code)
      default:
        throw new Error("injected loss of a reply")
    }
  }

  const commit = async (partition: string, content: Commit, options?: CallOptions): Promise<CommitResult> => {
    const fault = await next("commit")
    const apply = () => inner.commit(partition, content, options)
    const copy = () => inner.commit(partition, content)
    const later = (after: number) => {
      onTheirWay = [...onTheirWay, { after, deliver: copy }]
    }
    if (fault === undefined) return apply()
    if (fault.kind === "again-late") {
      const result = await apply()
      if (result.status === "conflict") return result
      happened[fault.kind]++
      later(fault.after)
      return result
    }
    happened[fault.kind]++
    switch (fault.kind) {
      case "refuse":
        throw rejection(fault.code)
      case "lose-request":
        throw rejection("UNKNOWN_OUTCOME")
      case "lose-reply":
        await apply()
        throw rejection("UNKNOWN_OUTCOME")
      case "foreign":
        await apply()
        throw new TypeError("injected: an error that the port does not know")
      case "twice":
        await apply()
        return copy()
      case "late":
        later(fault.after)
        throw rejection("UNKNOWN_OUTCOME")
      case "slow-request":
        return settled(fault.until).then(apply)
      case "slow-reply":
        return apply().finally(() => settled(fault.until))
    }
  }

  return {
    storage: {
      limits: inner.limits,
      capabilities: inner.capabilities,
      read: (partition, addresses, options) => reading("read", () => inner.read(partition, addresses, options)),
      list: (partition, collection, options) => reading("list", () => inner.list(partition, collection, options)),
      commit,
      close: () => inner.close(),
    },
    arm(newPlan) {
      plan = newPlan
      calls = 0
    },
    happened,
    appliedLate: () => appliedLate,
    deliverAll: () => deliver(() => true),
  }
}
