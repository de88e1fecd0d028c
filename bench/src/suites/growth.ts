import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { openEngine, read } from "../engine.ts"
import type { Order, Place } from "../growth-store.ts"
import { type Contestant, interleave, type Pace } from "../interleave.ts"
import { inTurn } from "../load.ts"
import { type Comparison, goal, type SuiteResult } from "../result.ts"

interface Store {
  readonly name: string
  readonly path: string
  readonly place: Place
  readonly order: (order: Order) => Promise<unknown>
  readonly stop: () => Promise<unknown>
}

/** A process that makes a store of this size and keeps it open. */
const startStore = async (path: string, size: number): Promise<Store> => {
  const child = fork(fileURLToPath(new URL("../growth-store.ts", import.meta.url)), [path, `${size}`])
  const gone = once(child, "exit")
  const answer = async (): Promise<unknown> => {
    const ended = gone.then(() => Promise.reject(new Error(`the process of the store at ${path} ended`)))
    const [message] = await Promise.race([once(child, "message"), ended])
    return message
  }
  const place = await answer()
  if (!isPlace(place)) throw new Error("the process of a store did not say where its secrets are")
  return {
    name: label(size),
    path,
    place,
    order: (order) => {
      child.send(order)
      return answer()
    },
    stop: () => {
      child.disconnect()
      return gone
    },
  }
}

const isPlace = (message: unknown): message is Place =>
  typeof message === "object" && message !== null && "principal" in message && "environment" in message

const label = (size: number): string => `at ${size.toLocaleString("en")} secrets`

/** What a start costs: another engine on the store, and its first read, which has to unwrap the keys. */
const openAndRead = async ({ path, place }: Store): Promise<void> => {
  const storage = lmdbStorage({ path })
  const engine = await openEngine(storage)
  await read({ ...place, storage, engine }, "S0")
  await engine.close()
}

const [smallest, largest] = [1_000, 1_000_000]

/** What an operation costs as a workspace grows, on LMDB. Each size has a process of its own; they take turns. */
export const growthSuite = async (sizes: readonly number[], pace: Pace): Promise<SuiteResult> => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-growth-"))
  const stores: Store[] = []
  try {
    for (const size of sizes) stores.push(await startStore(join(directory, `${size}`), size))
    const told = (operation: Order["operation"], operations?: number): readonly Contestant[] =>
      stores.map(({ name, order }) => ({
        name,
        run: async (count) => void (await order({ operation, count })),
        ...(operations !== undefined && { operations }),
      }))
    const reads: Comparison = {
      id: "growth-read",
      title: "Growth: read one secret, LMDB",
      measured: await interleave(told("read"), pace),
    }
    const pages: Comparison = {
      id: "growth-page",
      title: "Growth: list a page of 100 audit entries, LMDB",
      measured: await interleave(told("page"), pace),
    }
    const opening = stores.map((store) => ({
      name: store.name,
      run: (count: number) => inTurn(count, () => openAndRead(store)),
    }))
    const opened = await interleave(opening, pace)
    // Few, and last: they make the stores grow.
    const creates: Comparison = {
      id: "growth-create",
      title: "Growth: create one secret, LMDB",
      measured: await interleave(told("create", 10), pace),
    }
    const heaps: number[] = []
    for (const { order } of stores) heaps.push(Number(await order({ operation: "heap", count: 1 })))
    const opens: Comparison = {
      id: "growth-open",
      title: "Growth: open an engine, read one secret and close it, LMDB; heap of a process that has served the above",
      measured: opened.map((row, index) => ({ ...row, heapMiB: heaps[index] ?? Number.NaN })),
    }
    const goals =
      sizes.includes(smallest) && sizes.includes(largest)
        ? [goal("read-one at 10⁶ secrets, against 10³", "time", 1.3, reads, label(largest), label(smallest))]
        : []
    return { comparisons: [creates, reads, pages, opens], goals }
  } finally {
    await Promise.all(stores.map(({ stop }) => stop()))
    await rm(directory, { recursive: true, force: true })
  }
}
