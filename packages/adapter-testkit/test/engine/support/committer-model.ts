import { Clock, Effect, Layer } from "effect"
import { isStrongroomError } from "../../../../core/src/domain/errors.ts"
import { silentLogger } from "../../../../core/src/ports/logger.ts"
import { Settings, Storage } from "../../../../core/src/ports/services.ts"
import type { Address, StorageAdapter } from "../../../../core/src/ports/storage.ts"
import { Committer, type ReceiptedCommit } from "../../../../core/src/services/committer.ts"
import { liftStorage } from "../../../../core/src/services/storage.ts"
import { memoryStorage } from "../../../../core/src/storage/memory.ts"
import { fakeClock } from "../../../../core/test/support/clock.ts"
import { intercept } from "../../../../core/test/support/intercept.ts"
import { type FaultInjector, type FaultPlan, injectFaults } from "../../../src/faults.ts"

/** What a committer says became of a commit. */
export type Report = "committed" | "conflict" | "refused" | "unknown"
export type CommitOne = (commit: ReceiptedCommit) => Promise<Report>
export type MakeCommitter = (adapter: StorageAdapter) => Promise<CommitOne>

export const partition = "model"

/** The committer that the engine uses. */
export const engineCommitter: MakeCommitter = async (adapter) => {
  const settings = { auditReads: false, valuesPerRequest: 1, logger: silentLogger }
  const layer = Committer.layer.pipe(
    Layer.provide(Layer.succeed(Storage, liftStorage(adapter, silentLogger))),
    Layer.provide(Layer.succeed(Settings, settings)),
  )
  const committer = await Effect.runPromise(Effect.provide(Committer, layer))
  const clock = fakeClock()
  return async (commit) => {
    try {
      const committing = Effect.provideService(committer.commit(partition, commit), Clock.Clock, clock)
      return (await Effect.runPromise(committing)).status
    } catch (error) {
      if (!isStrongroomError(error)) throw error
      return error.code === "OUTCOME_UNKNOWN" ? "unknown" : "refused"
    }
  }
}

interface Flaws {
  readonly withoutReceipt?: true
  readonly withoutFence?: true
  /** Takes a certain failure for the whole truth while an earlier copy is still in doubt. */
  readonly forgetsDoubt?: true
  /** Takes a fence that conflicts for one that stands, though the commit itself may stand there. */
  readonly trustsFence?: true
}

/** The same algorithm in a few lines, with parts left out: what a simpler committer would get wrong. */
export const flawedCommitter =
  ({ withoutReceipt, withoutFence, forgetsDoubt, trustsFence }: Flaws): MakeCommitter =>
  async (adapter) => {
    const isReceipt = (receipt: Address) => (address: Address) =>
      address.collection === receipt.collection && address.leaf === receipt.leaf

    const send = async (checks: ReceiptedCommit["checks"], writes: ReceiptedCommit["writes"]) => {
      try {
        return await adapter.commit(partition, { checks, writes })
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : undefined
        return { status: code === undefined || code === "UNKNOWN_OUTCOME" ? "unknown" : "refused" } as const
      }
    }

    return async ({ checks, writes, receipt, fence }) => {
      const isOwn = isReceipt(receipt)
      const kept = withoutReceipt
        ? ([checks.filter((check) => !isOwn(check)), writes.filter((write) => !isOwn(write))] as const)
        : ([checks, writes] as const)
      let inDoubt = false
      for (let attempt = 0; attempt < 10; attempt++) {
        const outcome = await send(...kept)
        if (outcome.status === "committed") return "committed"
        if (outcome.status === "conflict") {
          if (outcome.addresses.some(isOwn)) return "committed"
          if (!inDoubt || withoutReceipt || withoutFence) return "conflict"
          const { status } = await send([{ ...receipt, revision: undefined }], [{ ...receipt, record: fence() }])
          return status === "committed" || (status === "conflict" && trustsFence) ? "conflict" : "unknown"
        }
        if (outcome.status === "refused" && (!inDoubt || forgetsDoubt)) return "refused"
        inDoubt = true
      }
      return "unknown"
    }
  }

/** What was reported and does not hold. */
export interface Violations {
  /** Reported as committed, and never applied. */
  readonly lost: number
  /** Reported as conflict or refusal, and applied all the same. */
  readonly denied: number
  /** Applied more than once, as a commit or by way of a retry after a wrong report. */
  readonly doubled: number
}

export interface Simulation extends Violations {
  readonly commits: number
  readonly reports: Readonly<Record<Report, number>>
  readonly faults: FaultInjector["happened"]
  readonly appliedLate: number
}

const leaves = ["a", "b", "c"] as const
const slot = { collection: "slot", leaf: "slot" }
const mostRounds = 50
const text = new TextDecoder()
const bytes = new TextEncoder()

const entriesOf = (record: { readonly bytes: Uint8Array } | undefined): readonly string[] =>
  record === undefined ? [] : text.decode(record.bytes).split("\n")

/**
 * Clients that append entries to registers (each reads one, commits it with one entry more, and does so anew after a
 * conflict) and claim a slot, which somebody else empties. In the end every late copy has arrived, and what
 * was applied is held against the reports.
 */
export const simulate = async (
  makeCommitter: MakeCommitter,
  plan: FaultPlan,
  clients: number,
  roundsPerClient: number,
): Promise<Simulation> => {
  const store = memoryStorage()
  const applied = new Map<string, number>()
  let arrived = 0

  /** Empties the slot, so that a late copy of a refused claim finds it free. */
  const release = async (): Promise<void> => {
    await store.commit(partition, { checks: [], writes: [{ ...slot, record: undefined }] })
  }

  const counting = intercept(store, {
    // At any moment, between the copies of one commit too.
    async before({ kind }) {
      if (kind === "commit" && ++arrived % 3 === 0) await release()
    },
    committed(_, { writes }, { status }) {
      if (status !== "committed") return
      for (const { collection, record } of writes) {
        if (collection === "receipt" || record === undefined) continue
        applied.set(record.revision, (applied.get(record.revision) ?? 0) + 1)
      }
    },
  })
  const injector = injectFaults(counting)
  injector.arm(plan)
  const commitOne = await makeCommitter(injector.storage)

  let ids = 0
  const newRevision = () => String(++ids).padStart(26, "0")
  const reports: [revision: string, report: Report][] = []
  const entries: [entry: string, report: Report][] = []

  /** One commit that puts a record where `expected` stands, and what is reported of it. */
  const put = async (address: Address, expected: string | undefined, content: string): Promise<Report> => {
    const revision = newRevision()
    const receipt = { collection: "receipt", leaf: revision }
    const report = await commitOne({
      checks: [
        { ...address, revision: expected },
        { ...receipt, revision: undefined },
      ],
      writes: [
        { ...address, record: { revision, bytes: bytes.encode(content) } },
        { ...receipt, record: { revision, bytes: new Uint8Array(1) } },
      ],
      receipt,
      fence: () => ({ revision: newRevision(), bytes: new Uint8Array(1) }),
    })
    reports.push([revision, report])
    return report
  }

  const append = async (entry: string, leaf: string): Promise<void> => {
    const address = { collection: "register", leaf }
    // A flawed committer can conflict with itself for ever.
    for (let round = 0; round < mostRounds; round++) {
      const [record] = await store.read(partition, [address])
      const report = await put(address, record?.revision, [...entriesOf(record), entry].join("\n"))
      if (report === "conflict") continue
      entries.push([entry, report])
      return
    }
    entries.push([entry, "conflict"])
  }

  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; i < roundsPerClient; i++) {
        const leaf = leaves[(client + i) % leaves.length] ?? "a"
        await append(`${client}.${i}`, leaf)
        for (let claims = 0; claims < 3; claims++) await put(slot, undefined, "claimed")
      }
    }),
  )
  await injector.deliverAll()

  const found = (
    await store.read(
      partition,
      leaves.map((leaf) => ({ collection: "register", leaf })),
    )
  ).flatMap(entriesOf)
  const times = (entry: string) => found.filter((other) => other === entry).length
  const count = (list: readonly [string, Report][], holds: (id: string, report: Report) => boolean) =>
    list.filter(([id, report]) => holds(id, report)).length
  const appliedTimes = (revision: string) => applied.get(revision) ?? 0
  const isDenial = (report: Report) => report === "conflict" || report === "refused"
  return {
    commits: reports.length,
    lost:
      count(reports, (id, report) => report === "committed" && appliedTimes(id) === 0) +
      count(entries, (id, report) => report === "committed" && times(id) === 0),
    denied:
      count(reports, (id, report) => isDenial(report) && appliedTimes(id) > 0) +
      count(entries, (id, report) => isDenial(report) && times(id) > 0),
    doubled: count(reports, (id) => appliedTimes(id) > 1) + count(entries, (id) => times(id) > 1),
    reports: {
      committed: count(reports, (_, report) => report === "committed"),
      conflict: count(reports, (_, report) => report === "conflict"),
      refused: count(reports, (_, report) => report === "refused"),
      unknown: count(reports, (_, report) => report === "unknown"),
    },
    faults: injector.happened,
    appliedLate: injector.appliedLate(),
  }
}
