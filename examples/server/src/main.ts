import type { RequestListener } from "node:http"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { mongoStorage } from "@strongroom/adapter-mongo"
import { redisStorage } from "@strongroom/adapter-redis"
import {
  isStrongroomError,
  type KeyProvider,
  type Logger,
  localKeys,
  memoryStorage,
  openStrongroom,
  type StorageAdapter,
  type Strongroom,
} from "@strongroom/core"
import { type Config, readConfig, root } from "./config.ts"
import { ensureDemoData } from "./demo-data.ts"
import { Failure } from "./failure.ts"
import { greeting } from "./greeting.ts"
import { hasFiles, keptRootKeys, newRootKey } from "./root-keys.ts"
import { baseUrl, createApp, drain, listen } from "./server.ts"

/** Milliseconds from a signal on. Together the process ends within ten seconds. */
const drainTime = 8_000
const endTime = 9_500

const log = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
  console.error(JSON.stringify({ level, message, ...fields }))
const logger: Logger = { debug() {}, info: log("info"), warn: log("warn"), error: log("error") }

// From the very start, so that a signal during the start is obeyed after it: nothing is left half-made.
const stopped = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      // Not process.exit(), in which lmdb waits for a commit that is under way, perhaps for ever.
      setTimeout(() => process.kill(process.pid, "SIGKILL"), endTime).unref()
      resolve()
    })
  }
})

const kept = join(root, ".strongroom")
const keyFile = join(kept, "root-keys")
const keyFileNotice = `The root key is in ${keyFile}. That is for trying out: whoever reads this disk reads everything.
For more than that, set STRONGROOM_ROOT_KEYS from a place that is kept apart from the data.
`

/** The marker is the first record of a store (docs/record-format.md). */
const hasRecords = async (storage: StorageAdapter): Promise<boolean> =>
  (await storage.list("store", "marker", { limit: 1, maxBytes: 1 })).records.length > 0

const localKept = async (hasData: () => Promise<boolean>, place: string): Promise<KeyProvider> =>
  localKeys(await keptRootKeys(kept, keyFile, hasData, place))

const openStores = async ({ rootKeys, storage: choice }: Config): Promise<[StorageAdapter, KeyProvider]> => {
  const given = rootKeys && localKeys(rootKeys)
  if (choice.type === "memory") return [memoryStorage(), given ?? localKeys([newRootKey("memory")])]
  if (choice.type === "lmdb") {
    // Before LMDB makes the folder.
    const keys = given ?? (await localKept(() => hasFiles(choice.path), choice.path))
    return [lmdbStorage({ path: choice.path }), keys]
  }
  const [storage, place] =
    choice.type === "redis"
      ? [await redisStorage({ url: choice.url, logger }), "Redis"]
      : [await mongoStorage({ uri: choice.uri, logger }), "MongoDB"]
  try {
    return [storage, given ?? (await localKept(() => hasRecords(storage), place))]
  } catch (error) {
    await storage.close()
    throw error
  }
}

const open = async (config: Config): Promise<Strongroom> => {
  const [storage, keys] = await openStores(config)
  const strongroom = await openStrongroom({ storage, keys, logger })
  if (!config.rootKeys && config.storage.type !== "memory") console.log(keyFileNotice)
  return strongroom
}

const run = async (): Promise<void> => {
  const config = readConfig(process.env)
  const app = Promise.withResolvers<RequestListener>()
  const server = await listen(app.promise, config.port, config.host)
  const strongroom = await open(config)
  try {
    let newToken: string | undefined
    const demo = await ensureDemoData(strongroom, config.demoToken, (token) => {
      newToken = token
      console.log(`API token, shown this once: ${token}\n`)
    })
    app.resolve(createApp(strongroom, logger))
    console.log(greeting(baseUrl(server), demo, newToken))
    await stopped
    await drain(server, drainTime)
  } finally {
    await strongroom.close()
  }
}

const sentence = (error: unknown): string => {
  if (error instanceof Failure) return error.message
  if (isStrongroomError(error)) return `Cannot start: ${error.message} (${error.code}).`
  return `Cannot start: ${error instanceof Error ? error.message : "unknown error"}.`
}

run().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`strongroom: ${sentence(error)}`)
    process.exit(2)
  },
)
