import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { start } from "../child.ts"
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
  const { answer, order, stop } = start("growth-store.ts", [path, `${size}`])
  const place = await answer()
  if (!isPlace(place)) throw new Error("the process of a store did not say where its secrets are")
  return { name: label(size), path, place, order, stop }
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
    const ofPages = await interleave(told("page"), pace)
    const pages: Comparison = {
      id: "growth-page",
      title: "Growth: list a page of 100 audit entries, LMDB",
      measured: ofPages.map((row, index) => ({
        ...row,
        name: `${row.name}, ${stores[index]?.place.entries.toLocaleString("en")} audit entries`,
      })),
    }
    const opening = stores.map((store) => ({
      name: store.name,
      run: (count: number) => inTurn(count, () => openAndRead(store)),
    }))
    const opened = await interleave(opening, pace)
    // Few, and last: they make the stores grow. Their processes have warmed up elsewhere.
    const creates: Comparison = {
      id: "growth-create",
      title: "Growth: create one secret, LMDB",
      measured: await interleave(told("create", 10), { ...pace, warmUpMs: 0 }),
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
