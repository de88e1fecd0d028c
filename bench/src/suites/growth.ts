import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { localKeys, openStrongroom, type StorageAdapter } from "@strongroom/core"
import { create, nameOf, openWorld, read, textOf } from "../engine.ts"
import { type Measured, spreadOf } from "../interleave.ts"
import { type Comparison, goal, type SuiteResult } from "../result.ts"

const samples = 300
const batch = 1_000

const timeOf = async (operation: () => Promise<unknown>): Promise<number> => {
  const start = process.hrtime.bigint()
  await operation()
  return Number(process.hrtime.bigint() - start) / 1e3
}

const measure = async (name: string, count: number, operation: () => Promise<unknown>): Promise<Measured> => {
  const slices = []
  for (let index = 0; index < count; index++) slices.push(await timeOf(operation))
  return { name, micros: spreadOf(slices), slices }
}

const heapMiB = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

const label = (size: number): string => `at ${size.toLocaleString("en")} secrets`

/**
 * What an operation costs as a workspace grows, on LMDB. Sizes come one after the other, so a machine that becomes slower
 * meanwhile shows in the ratios: read the quartiles too.
 */
export const growthSuite = async (sizes: readonly number[]): Promise<SuiteResult> => {
  const path = await mkdtemp(join(tmpdir(), "strongroom-bench-growth-"))
  const value = textOf(100)
  const storage = (): StorageAdapter => lmdbStorage({ path })
  const world = await openWorld({ storage: storage() })
  const rows = { create: [], read: [], page: [], open: [] } as Record<"create" | "read" | "page" | "open", Measured[]>
  try {
    let stored = 0
    for (const size of sizes) {
      for (; stored < size; stored += batch) {
        await create(
          world,
          Array.from({ length: batch }, (_, index) => nameOf(stored + index)),
          value,
        )
      }
      const at = label(size)
      let extra = 0
      rows.create.push(await measure(at, samples, () => create(world, [`${size}X${extra++}`], value)))
      rows.read.push(await measure(at, samples, () => read(world, nameOf(Math.floor(Math.random() * size)))))
      rows.page.push(await measure(at, samples / 10, () => world.engine.audit.list(world.principal, { limit: 100 })))
      rows.open.push(
        await measure(`${at}, heap of this process ${heapMiB().toFixed(0)} MiB`, 5, async () => {
          const keys = localKeys([{ id: "bench", key: new Uint8Array(32).fill(7) }])
          const another = await openStrongroom({ storage: storage(), keys })
          await another.close()
        }),
      )
    }
  } finally {
    await world.engine.close()
    await rm(path, { recursive: true, force: true })
  }
  const comparisons: Comparison[] = [
    { id: "growth-create", title: "Growth: create one secret, LMDB", measured: rows.create },
    { id: "growth-read", title: "Growth: read one secret, LMDB", measured: rows.read },
    { id: "growth-page", title: "Growth: list a page of 100 audit entries, LMDB", measured: rows.page },
    { id: "growth-open", title: "Growth: open and close an engine, LMDB", measured: rows.open },
  ]
  const [first, , , last] = sizes
  const reads = comparisons[1]
  const goals =
    first === undefined || last === undefined || reads === undefined
      ? []
      : [goal("read-one at 10⁶ secrets, against 10³", "time", 1.3, reads, label(last), label(first))]
  return { comparisons, goals }
}
