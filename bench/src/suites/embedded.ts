import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { Keyv } from "keyv"
import { open as openLmdb } from "lmdb"
import { create, nameOf, openWorld, read, textOf, type World } from "../engine.ts"
import { type Contestant, interleave, type Pace } from "../interleave.ts"
import { atOnce, fresh, inTurn, type Operation, writers } from "../load.ts"
import { type Comparison, goal, type SuiteResult } from "../result.ts"
import { SqliteStore } from "../sqlite-store.ts"
import { recordsOf } from "../watch.ts"

const inDirectory = async <A>(use: (path: string) => Promise<A>): Promise<A> => {
  const path = await mkdtemp(join(tmpdir(), "strongroom-bench-"))
  try {
    return await use(path)
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}

const strongroom = "Strongroom on LMDB"
const raw = "raw lmdb, the same records"
const keyv = "Keyv, sealed by node:crypto, on SQLite"

/** AES-256-GCM around the JSON that Keyv stores. */
const sealing = () => {
  const key = createSecretKey(randomBytes(32))
  return {
    stringify(data: unknown): string {
      const nonce = randomBytes(12)
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 })
      const sealed = [cipher.update(JSON.stringify(data), "utf8"), cipher.final()]
      return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString("base64")
    },
    parse<T>(text: string): T {
      const sealed = Buffer.from(text, "base64")
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), { authTagLength: 16 })
      decipher.setAuthTag(sealed.subarray(-16))
      return JSON.parse(decipher.update(sealed.subarray(12, -16), undefined, "utf8") + decipher.final("utf8"))
    },
  }
}

/** Durable storage inside the process. */
export const embeddedSuite = (pace: Pace, listed: readonly number[]): Promise<SuiteResult> =>
  inDirectory(async (path) => {
    const value = textOf(100)
    const { watched, lengths } = recordsOf(lmdbStorage({ path: join(path, "strongroom") }))
    const world = await openWorld({ storage: watched })
    await create(world, ["WARM"], value)
    const records = lengths().map((length) => randomBytes(length))

    const database = openLmdb({
      path: join(path, "raw"),
      overlappingSync: false,
      eventTurnBatching: false,
      encoding: "binary",
      keyEncoding: "binary",
    })
    const rawName = fresh("raw")
    const rawCommit = () => {
      const name = rawName()
      return database.childTransaction(() => {
        for (const [index, record] of records.entries()) database.put(Buffer.from(`${name}/${index}`), record)
      })
    }
    const store = new Keyv({ store: new SqliteStore(join(path, "keyv.db")), serialization: sealing() })
    const names = { ours: fresh("S"), keyv: fresh("S") }
    const operations = {
      [strongroom]: () => create(world, [names.ours()], value),
      [raw]: rawCommit,
      [keyv]: () => store.set(names.keyv(), value),
    }
    const contestants = (run: (operations: number, operation: Operation) => Promise<void>): readonly Contestant[] =>
      Object.entries(operations).map(([name, operation]) => ({ name, run: (count) => run(count, operation) }))

    const sequential: Comparison = {
      id: "lmdb-sequential",
      title: "Durable creates, one after the other",
      measured: await interleave(contestants(inTurn), pace),
    }
    const concurrent: Comparison = {
      id: "lmdb-concurrent",
      title: `Durable creates, ${writers} at a time`,
      measured: await interleave(contestants(atOnce), pace),
    }
    const batch = 100
    const batches: Comparison = {
      id: "lmdb-batch",
      title: "Durable creates on LMDB, per secret: 100 in a request, and 100 requests of one",
      measured: await interleave(
        [
          {
            name: "batches of 100",
            each: batch,
            run: (count) =>
              inTurn(count / batch, () =>
                create(
                  world,
                  Array.from({ length: batch }, () => names.ours()),
                  value,
                ),
              ),
          },
          { name: "single", run: (count) => inTurn(count, operations[strongroom]) },
        ],
        pace,
      ),
    }
    const reads = await readsOf(world, store, pace)
    const lists: Comparison[] = []
    for (const size of listed) lists.push(await listOf(join(path, `list-${size}`), size, pace))
    await world.engine.close()
    await database.close()
    await store.disconnect()
    return {
      comparisons: [sequential, concurrent, batches, reads, ...lists],
      goals: [
        goal(
          `${writers} concurrent durable creates on LMDB, against raw lmdb`,
          "speed",
          0.5,
          concurrent,
          strongroom,
          raw,
        ),
        goal("the same, against Keyv with encryption on SQLite", "speed", 5, concurrent, strongroom, keyv),
        goal(
          "batch of 100 on LMDB, against 100 single creates, per secret",
          "speed",
          5,
          batches,
          "batches of 100",
          "single",
        ),
      ],
    }
  })

const stored = 500

const readsOf = async (world: World, store: Keyv, pace: Pace): Promise<Comparison> => {
  const value = textOf(100)
  await create(
    world,
    Array.from({ length: stored }, (_, index) => `READ${index}`),
    value,
  )
  for (let index = 0; index < stored; index++) await store.set(`READ${index}`, value)
  let [ours, theirs] = [0, 0]
  return {
    id: "lmdb-read",
    title: "Reads of one secret, one after the other",
    measured: await interleave(
      [
        { name: strongroom, run: (count) => inTurn(count, () => read(world, `READ${ours++ % stored}`)) },
        { name: keyv, run: (count) => inTurn(count, () => store.get(`READ${theirs++ % stored}`)) },
      ],
      pace,
    ),
  }
}

const listOf = async (path: string, size: number, pace: Pace): Promise<Comparison> => {
  const world = await openWorld({ storage: lmdbStorage({ path }) })
  const value = textOf(100)
  for (let done = 0; done < size; done += 1_000) {
    const names = Array.from({ length: Math.min(1_000, size - done) }, (_, index) => nameOf(done + index))
    await create(world, names, value)
  }
  const { engine, principal, project, environment } = world
  const list = () => engine.secrets.list(principal, { project, environment })
  const measured = await interleave(
    [{ name: strongroom, run: (count) => inTurn(count, list) }],
    size > 10_000 ? { ...pace, rounds: 3 } : pace,
  )
  await engine.close()
  return { id: `lmdb-list-${size}`, title: `List of ${size.toLocaleString("en")} secrets with their values`, measured }
}
