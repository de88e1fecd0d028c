import { setTimeout as delay } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { expect } from "vitest"
import { newRevision, put, text } from "../../../core/test/storage/records.ts"

/**
 * Writers that keep one invariant each commit, and remember what they were told: a commit adds a record to `left`, its
 * twin to `right`, and 1 to the partition's counter, which it checks. So a counter tells how many commits were applied.
 */
export interface Load {
  /** How many calls ended in each way: `committed`, `conflict`, or a code. */
  readonly ends: ReadonlyMap<string, number>
  /** Resolves when so many more commits have been acknowledged. */
  readonly proceed: (commits: number) => Promise<void>
  /** Lets the calls that are under way come to their end. */
  readonly stop: () => Promise<void>
  /** What was acknowledged is there, what was refused is not, and nothing is torn or applied twice. */
  readonly verify: (storage: StorageAdapter) => Promise<void>
}

interface Told {
  readonly acknowledged: Set<string>
  readonly refused: Set<string>
  readonly inDoubt: Set<string>
}

interface LoadOptions {
  readonly partitions: readonly string[]
  /** Writers to a partition. */
  readonly writers: number
  /** What calls may end in besides `committed` and `conflict`; anything else fails `stop`. */
  readonly allowed: readonly string[]
}

const counter = { collection: "counter", leaf: "counter" }
const left = (leaf: string) => ({ collection: "left", leaf })
const right = (leaf: string) => ({ collection: "right", leaf })
const recordBytes = 2_000

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error)

/** A client that has lost its server finds it again by itself. */
export const recovered = async (storage: StorageAdapter): Promise<void> => {
  while ((await storage.read("p", [counter]).then(() => "ok", codeOf)) === "UNAVAILABLE") await delay(10)
}

const listAll = async (storage: StorageAdapter, partition: string, collection: string) => {
  const found = []
  for (let after: string | undefined; ; after = found.at(-1)?.leaf) {
    const options = { limit: 500, maxBytes: 1 << 20, ...(after === undefined ? {} : { after }) }
    const page = await storage.list(partition, collection, options)
    found.push(...page.records)
    if (!page.more) return found
  }
}

export const startLoad = (storage: StorageAdapter, { partitions, writers, allowed }: LoadOptions): Load => {
  const ends = new Map<string, number>()
  const told = new Map<string, Told>()
  let stopped = false
  let acknowledgements = 0
  let wake = () => {}
  const note = (end: string): void => void ends.set(end, (ends.get(end) ?? 0) + 1)

  /** A call that may fail in a way that is allowed; anything else ends the load. */
  const attempt = async <A>(call: () => Promise<A>): Promise<A | string> => {
    try {
      return await call()
    } catch (error) {
      const code = codeOf(error)
      note(code)
      if (!allowed.includes(code)) throw new Error(`a call under load ended in ${code}`, { cause: error })
      await delay(5)
      return code
    }
  }

  const write = async (partition: string, known: Told, leaf: string): Promise<void> => {
    const found = await attempt(() => storage.read(partition, [counter]))
    if (typeof found === "string") return
    const revision = newRevision()
    const record = { revision, bytes: Buffer.alloc(recordBytes, leaf) }
    const result = await attempt(() =>
      storage.commit(partition, {
        checks: [
          { ...counter, revision: found[0]?.revision },
          { ...left(leaf), revision: undefined },
        ],
        writes: [
          { ...left(leaf), record },
          put(counter, `${Number(text(found[0]?.bytes)) + 1}`),
          { ...right(leaf), record },
        ],
      }),
    )
    if (result === "UNKNOWN_OUTCOME") return void known.inDoubt.add(leaf)
    if (typeof result === "string") return void known.refused.add(leaf)
    note(result.status)
    if (result.status === "conflict") {
      expect(result.addresses).toEqual([counter])
      return void known.refused.add(leaf)
    }
    known.acknowledged.add(leaf)
    acknowledgements++
    wake()
  }

  /** Sees every acknowledged commit whole, and any other whole or not at all. */
  const read = async (partition: string, known: Told, written: ReadonlySet<string>): Promise<void> => {
    const last = [...known.acknowledged].at(-1)
    const leaves = [...(last === undefined ? [] : [last]), ...[...written].slice(-writers)]
    const addresses = [counter, ...leaves.flatMap((leaf) => [left(leaf), right(leaf)])]
    const found = await attempt(() => storage.read(partition, addresses))
    if (typeof found === "string") return
    for (const [index, leaf] of leaves.entries()) {
      const [one, other] = [found[1 + 2 * index], found[2 + 2 * index]]
      expect(one?.revision, `halves of ${leaf}`).toBe(other?.revision)
      if (leaf === last && index === 0) expect(one, `acknowledged ${leaf}`).toBeDefined()
    }
    await delay(1)
  }

  const lanes = partitions.flatMap((partition) => {
    const known: Told = { acknowledged: new Set(), refused: new Set(), inDoubt: new Set() }
    const written = new Set<string>()
    told.set(partition, known)
    const writer = async (name: number) => {
      for (let n = 0; !stopped; n++) {
        const leaf = `${name}-${n}`
        written.add(leaf)
        await write(partition, known, leaf)
      }
    }
    const reader = async () => {
      while (!stopped) await read(partition, known, written)
    }
    return [...Array.from({ length: writers }, (_, name) => writer(name)), reader()]
  })
  const running = Promise.all(lanes)
  // It is told by `proceed` and `stop`.
  running.catch(() => {
    stopped = true
    wake()
  })

  const verify = async (client: StorageAdapter): Promise<void> => {
    for (const [partition, { acknowledged, refused, inDoubt }] of told) {
      const [lefts, rights] = [await listAll(client, partition, "left"), await listAll(client, partition, "right")]
      const plain = (records: typeof lefts) => records.map(({ leaf, record }) => `${leaf} ${record.revision}`)
      expect(plain(lefts), "torn").toEqual(plain(rights))
      for (const { leaf, record } of [...lefts, ...rights]) {
        expect(Buffer.alloc(recordBytes, leaf).equals(record.bytes), `bytes of ${leaf}`).toBe(true)
      }
      const leaves = new Set(lefts.map(({ leaf }) => leaf))
      expect(
        [...acknowledged].filter((leaf) => !leaves.has(leaf)),
        "acknowledged and not there",
      ).toEqual([])
      expect(
        [...refused].filter((leaf) => leaves.has(leaf)),
        "refused and there",
      ).toEqual([])
      const unknown = [...leaves].filter((leaf) => !acknowledged.has(leaf) && !inDoubt.has(leaf))
      expect(unknown, "there, and nobody was told so").toEqual([])
      const [count] = await client.read(partition, [counter])
      expect(Number(text(count?.bytes)), "commits that were applied").toBe(leaves.size)
    }
  }

  return {
    ends,
    proceed: async (commits) => {
      const goal = acknowledgements + commits
      while (acknowledgements < goal && !stopped) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (stopped) await running
    },
    stop: async () => {
      stopped = true
      await running
    },
    verify,
  }
}
