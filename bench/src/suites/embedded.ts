import { mkdtemp, rm, statfs } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { replay } from "../cipher-calls.ts"
import { audited, create, fill, list, nameOf, openWorld, read, textOf, type World, workOf } from "../engine.ts"
import { type Contestant, interleave, interleaveAlike, type Pace } from "../interleave.ts"
import { atOnce, fresh, inTurn, type Operation, warmUpCreates, writers } from "../load.ts"
import { rawLmdb } from "../raw-lmdb.ts"
import { type Comparison, type Goal, goal, leftOut, type SuiteResult } from "../result.ts"
import { sealedKeyv } from "../sealed-keyv.ts"

const strongroom = "Strongroom on LMDB"
const strongroomAudited = "Strongroom on LMDB, reads audited"
const raw = "raw lmdb, the same records"
const rawRising = "raw lmdb, as many records at rising keys"
const rawSealed = "raw lmdb, the same records, and sealing"
const keyv = "Keyv, sealed by node:crypto, on SQLite"

const value = textOf(100)

interface Stores {
  readonly world: World
  /** Another database for each name: rows that write do not share one. */
  readonly database: (name: string) => ReturnType<typeof rawLmdb>
  readonly store: ReturnType<typeof sealedKeyv>
}

const withStores = async <A>(use: (stores: Stores) => Promise<A>): Promise<A> => {
  const path = await mkdtemp(join(tmpdir(), "strongroom-bench-"))
  const world = await openWorld(lmdbStorage({ path: join(path, "strongroom") }))
  const databases: ReturnType<typeof rawLmdb>[] = []
  const database = (name: string) => {
    const made = rawLmdb(join(path, name))
    databases.push(made)
    return made
  }
  const store = sealedKeyv(join(path, "keyv.db"))
  try {
    return await use({ world, database, store })
  } finally {
    await Promise.all([world.engine.close(), store.close(), ...databases.map((made) => made.close())])
    await rm(path, { recursive: true, force: true })
  }
}

type Run = (operations: number, operation: Operation) => Promise<void>

const contestants = (operations: Readonly<Record<string, Operation>>, run: Run): readonly Contestant[] =>
  Object.entries(operations).map(([name, operation]) => ({ name, run: (count) => run(count, operation) }))

/** What statfs(2) says of a file system in memory. */
const tmpfs = 0x01021994

/** The same operations one after the other, and many at a time. */
const bothWays = async (
  [inTurnId, atOnceId]: readonly [string, string],
  what: string,
  operations: Readonly<Record<string, Operation>>,
  measure: typeof interleave,
  pace: Pace,
): Promise<readonly [Comparison, Comparison]> => [
  {
    id: inTurnId,
    title: `${what}, one after the other`,
    measured: await measure(contestants(operations, inTurn), pace),
  },
  {
    id: atOnceId,
    title: `${what}, ${writers} at a time`,
    measured: await measure(contestants(operations, atOnce), pace),
  },
]

/** Durable storage inside the process. */
export const embeddedSuite = async (pace: Pace, listed: readonly number[]): Promise<SuiteResult> => {
  if ((await statfs(tmpdir())).type === tmpfs) {
    return leftOut("the temporary folder is in memory, where nothing is durable: name one on a disk by TMPDIR")
  }
  // Elsewhere, because a slice of creates has as many for the fastest as for the slowest: too few to warm up ours.
  const name = fresh("S")
  await withStores(({ world }) => atOnce(warmUpCreates, () => create(world, [name()], value)))
  const { comparisons, goals } = await withStores(async (stores) => {
    const creates = await createsOf(stores, pace)
    return { ...creates, comparisons: [...creates.comparisons, ...(await readsOf(stores, pace))] }
  })
  const lists: Comparison[] = []
  for (const size of listed) lists.push(await withStores((stores) => listOf(stores, size, pace)))
  return { comparisons: [...comparisons, ...lists], goals }
}

const createsOf = async ({ world, database, store }: Stores, pace: Pace): Promise<SuiteResult> => {
  const [name, rawName, keyvName] = [fresh("S"), fresh("raw"), fresh("S")]
  const work = await workOf(world, (counted) => create(counted, [name()], value))
  const sealing = replay(work.calls)
  const [write, writeSealed] = [database(raw).writerLike(work.written), database(rawSealed).writerLike(work.written)]
  const writeRising = database(rawRising).writer(work.written.map(({ length }) => length))
  const operations = {
    [strongroom]: () => create(world, [name()], value),
    [raw]: write,
    [rawSealed]: () => {
      sealing()
      return writeSealed()
    },
    [rawRising]: () => writeRising(rawName()),
    [keyv]: () => store.set(keyvName(), value),
  }
  const ids = ["lmdb-sequential", "lmdb-concurrent"] as const
  const [sequential, concurrent] = await bothWays(ids, "Durable creates", operations, interleaveAlike, pace)
  const size = 100
  const [batched, single] = [`${size} in a request`, "1 in a request"]
  const createMany = () => create(world, Array.from({ length: size }, name), value)
  const batches: Comparison = {
    id: "lmdb-batch",
    title: "Durable creates on LMDB, one request after the other, per secret",
    measured: await interleave(
      [
        { name: batched, each: size, run: (count) => inTurn(count / size, createMany) },
        { name: single, run: (count) => inTurn(count, operations[strongroom]) },
      ],
      pace,
    ),
  }
  const toRaw = `${writers} concurrent durable creates on LMDB, against raw lmdb at keys like ours (random places)`
  const toRising = `${writers} concurrent durable creates on LMDB, against raw lmdb at rising keys`
  const toKeyv = `${writers} concurrent durable creates on LMDB, against Keyv with encryption on SQLite`
  const toSingle = `batch of ${size} on LMDB, against ${size} single creates, per secret`
  const goals: Goal[] = [
    goal(toRaw, "speed", 0.5, concurrent, strongroom, raw),
    goal(toRising, "speed", 0.5, concurrent, strongroom, rawRising),
    goal(toKeyv, "speed", 5, concurrent, strongroom, keyv),
    goal(toSingle, "speed", 5, batches, batched, single),
  ]
  return { comparisons: [sequential, concurrent, batches], goals }
}

const stored = 500

const readsOf = async ({ world, database, store }: Stores, pace: Pace): Promise<readonly Comparison[]> => {
  const names = Array.from({ length: stored }, (_, index) => `READ${index}`)
  await create(world, names, value)
  await store.fill(names, value)
  const { calls, got } = await workOf(world, (counted) => read(counted, "READ0"))
  const opening = replay(calls)
  const records = database("read")
  const write = records.writer(got)
  for (const name of names) await write(name)

  const auditing = await audited(world)
  const turn = (operation: (name: string) => Promise<unknown>): Operation => {
    let next = 0
    return () => operation(`READ${next++ % stored}`)
  }
  const operations = {
    [strongroom]: turn((name) => read(world, name)),
    [strongroomAudited]: turn((name) => read(auditing, name)),
    [raw]: turn(async (name) => records.get(name, got.length)),
    [rawSealed]: turn(async (name) => {
      records.get(name, got.length)
      opening()
    }),
    [keyv]: turn(store.get),
  }
  const ids = ["lmdb-read", "lmdb-read-concurrent"] as const
  const comparisons = await bothWays(ids, "Reads of one secret", operations, interleave, pace)
  await auditing.engine.close()
  return comparisons
}

const listOf = async ({ world, database, store }: Stores, size: number, pace: Pace): Promise<Comparison> => {
  await fill(world, 0, size, value)
  for (let done = 0; done < size; done += 1_000) {
    const names = Array.from({ length: Math.min(1_000, size - done) }, (_, index) => nameOf(done + index))
    await store.fill(names, value)
  }
  const { calls, got } = await workOf(world, list)
  const opening = replay(calls)
  const records = database("list")
  const auditing = await audited(world)
  const step = 10_000
  for (let done = 0; done < got.length; done += step) await records.writer(got.slice(done, done + step))(`${done}`)

  const operations = {
    [strongroom]: () => list(world),
    [strongroomAudited]: () => list(auditing),
    [raw]: async () => records.scan(got.length),
    [rawSealed]: async () => {
      records.scan(got.length)
      opening()
    },
    [keyv]: () => store.list(size),
  }
  // One list of 100,000 takes seconds.
  const rounds = size > 10_000 ? Math.min(3, pace.rounds) : pace.rounds
  const measured = await interleave(contestants(operations, inTurn), { ...pace, rounds })
  await auditing.engine.close()
  return { id: `lmdb-list-${size}`, title: `List of ${size.toLocaleString("en")} secrets with their values`, measured }
}
