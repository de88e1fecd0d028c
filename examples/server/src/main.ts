import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { isStrongroomError, type Logger, localKeys, memoryStorage, openStrongroom } from "@strongroom/core"
import type { RequestListener } from "express"
import { type Config, readConfig, root } from "./config.ts"
import { ensureDemoData, ensureToken } from "./demo-data.ts"
import { Failure } from "./failure.ts"
import { greeting } from "./greeting.ts"
import { keptRootKeys, newRootKey, type RootKey } from "./root-keys.ts"
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
      setTimeout(() => process.exit(1), endTime).unref()
      resolve()
    })
  }
})

const rootKeys = async ({ rootKeys, storage }: Config): Promise<readonly RootKey[]> => {
  if (rootKeys) return rootKeys
  if (storage.type === "memory") return [newRootKey("memory")]
  const { keys, file } = await keptRootKeys(join(root, ".strongroom"), storage.path)
  console.log(`The root key is in ${file}. That is for trying out: whoever reads this disk reads everything.`)
  console.log("For more than that, set STRONGROOM_ROOT_KEYS from a place that is kept apart from the data.\n")
  return keys
}

const run = async (): Promise<void> => {
  const config = readConfig(process.env)
  const app = Promise.withResolvers<RequestListener>()
  const server = await listen(app.promise, config.port, config.host)
  const keys = localKeys(await rootKeys(config))
  const storage = config.storage.type === "memory" ? memoryStorage() : lmdbStorage({ path: config.storage.path })
  const strongroom = await openStrongroom({ storage, keys, logger })
  try {
    const { demo, owner } = await ensureDemoData(strongroom)
    let newToken: string | undefined
    await ensureToken(strongroom, owner, config.demoToken, (token) => {
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
