import type { RequestListener } from "node:http"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import {
  isStrongroomError,
  type Logger,
  localKeys,
  memoryStorage,
  openStrongroom,
  type Strongroom,
} from "@strongroom/core"
import { type Config, readConfig, root } from "./config.ts"
import { ensureDemoData } from "./demo-data.ts"
import { Failure } from "./failure.ts"
import { greeting } from "./greeting.ts"
import { keptRootKeys, newRootKey } from "./root-keys.ts"
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

const open = async ({ rootKeys, storage }: Config): Promise<Strongroom> => {
  if (storage.type === "memory") {
    return openStrongroom({ storage: memoryStorage(), keys: localKeys(rootKeys ?? [newRootKey("memory")]), logger })
  }
  const keys = localKeys(rootKeys ?? (await keptRootKeys(kept, keyFile, storage.path)))
  const strongroom = await openStrongroom({ storage: lmdbStorage({ path: storage.path }), keys, logger })
  if (!rootKeys) console.log(keyFileNotice)
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
