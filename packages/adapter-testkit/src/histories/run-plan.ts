import { randomBytes } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import type { Address, Commit, StorageAdapter, StorageErrorCode } from "@strongroom/core"
import { type Call, type Rejected, textOf } from "./calls.ts"
import { addresses, type Expected, type Plan, type Step } from "./plans.ts"

const codes: readonly StorageErrorCode[] = ["UNKNOWN_OUTCOME", "UNAVAILABLE", "BUSY", "LIMIT", "CLOSED", "FATAL"]

const rejected = (error: unknown): Rejected => {
  const found = error instanceof Object && "code" in error ? codes.find((code) => code === error.code) : undefined
  return { status: "rejected", code: found ?? "UNKNOWN_OUTCOME" }
}

/** Revisions that nobody has used before, in this process or another. */
const revisions = (): (() => string) => {
  const prefix = randomBytes(9).toString("hex").toUpperCase()
  let count = 0
  return () => `${prefix}${String(++count).padStart(8, "0")}`
}

/** What is known of the revisions at an address, to all clients together. */
interface Known {
  readonly latest?: string | undefined
  readonly stale?: string | undefined
  readonly pending?: string | undefined
}

const text = new TextEncoder()
// No store pages for ever through the few leaves there are, unless its pages overlap.
const mostPages = 2 * addresses.length

/** What is written where: no two commits write the same bytes, nor one commit at two addresses. */
const recordFor = (revision: string, address: Address) => ({
  revision,
  bytes: text.encode(`${revision} ${textOf(address)}`),
})

/**
 * Carries a plan out, its clients spread over the adapters, in a partition that must be empty. In the end every
 * adapter reads everything.
 */
export const runPlan = async (
  { initial, clients }: Plan,
  adapters: readonly StorageAdapter[],
  partition: string,
): Promise<readonly Call[]> => {
  const calls: Call[] = []
  const newRevision = revisions()
  const known = new Map<string, Known>()
  let now = 0

  const note = (address: Address, change: Known): void => {
    known.set(textOf(address), { ...known.get(textOf(address)), ...change })
  }
  const heardOf = (address: Address, latest: string | undefined): void => {
    const before = known.get(textOf(address))?.latest
    if (before !== latest) note(address, { latest, stale: before })
  }

  /** Calls, and tells when the call was made and when it replied. */
  const timed = async <A>(client: number, call: () => Promise<A>) => {
    const invoked = now++
    const reply = await Promise.resolve().then(call).catch(rejected)
    return { client, invoked, returned: now++, reply }
  }

  const read = async (client: number, adapter: StorageAdapter, wanted: readonly Address[]): Promise<void> => {
    const call = await timed(client, async () => ({
      status: "read" as const,
      records: await adapter.read(partition, wanted),
    }))
    calls.push({ kind: "read", addresses: wanted, ...call })
    const { reply } = call
    if (reply.status === "rejected") return
    for (const [index, address] of wanted.entries()) heardOf(address, reply.records[index]?.revision)
  }

  const list = async (client: number, adapter: StorageAdapter, step: Step & { kind: "list" }): Promise<void> => {
    let options: typeof step.options | undefined = step.options
    for (let pages = 0; options !== undefined && pages < mostPages; pages++) {
      const asked: typeof step.options = options
      const call = await timed(client, async () => ({
        status: "listed" as const,
        page: await adapter.list(partition, step.collection, asked),
      }))
      calls.push({ kind: "list", collection: step.collection, options: asked, ...call })
      const page = call.reply.status === "listed" ? call.reply.page : undefined
      const last = page?.more ? page.records.at(-1) : undefined
      options = last && { ...step.options, after: last.leaf }
    }
  }

  const commit = async (client: number, adapter: StorageAdapter, content: Commit): Promise<void> => {
    for (const write of content.writes) note(write, { pending: write.record?.revision })
    const call = await timed(client, () => adapter.commit(partition, content))
    calls.push({ kind: "commit", commit: content, ...call })
    if (call.reply.status !== "committed") return
    for (const write of content.writes) heardOf(write, write.record?.revision)
  }

  const expectedAt = (address: Address, expected: Expected): string | undefined => {
    if (expected === "absent") return undefined
    const { latest, stale, pending } = known.get(textOf(address)) ?? {}
    return { latest, stale: stale ?? newRevision(), pending: pending ?? newRevision(), never: newRevision() }[expected]
  }

  const contentOf = ({ touches }: Step & { kind: "commit" }): Commit => {
    const revision = newRevision()
    return {
      checks: touches.flatMap(({ address, expected, write }) => {
        if (expected === undefined) return []
        const wanted = expectedAt(address, expected)
        // Absence may only be checked where the commit also writes.
        return wanted === undefined && write === undefined ? [] : [{ ...address, revision: wanted }]
      }),
      writes: touches.flatMap(({ address, write }) =>
        write === undefined ? [] : [{ ...address, record: write === "put" ? recordFor(revision, address) : undefined }],
      ),
    }
  }

  const take = async (client: number, adapter: StorageAdapter, step: Step): Promise<void> => {
    for (let turns = 0; turns < step.pause; turns++) await setImmediate()
    switch (step.kind) {
      case "read":
        return read(client, adapter, step.addresses)
      case "list":
        return list(client, adapter, step)
      case "commit":
        return commit(client, adapter, contentOf(step))
    }
  }

  const [first] = adapters
  if (first === undefined) throw new Error("histories need at least one adapter")
  const touches = initial.map((address) => ({ address, expected: undefined, write: "put" as const }))
  if (touches.length > 0) await commit(0, first, contentOf({ kind: "commit", pause: 0, touches }))
  await Promise.all(
    clients.map(async (steps, client) => {
      const adapter = adapters[client % adapters.length] ?? first
      for (const step of steps) await take(client, adapter, step)
    }),
  )
  await Promise.all(adapters.map((adapter, client) => read(client, adapter, addresses)))
  return calls.sort((left, right) => left.invoked - right.invoked)
}
