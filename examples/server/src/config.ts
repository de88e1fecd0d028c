import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { fields, redact, type SecretInput } from "@strongroom/core"
import { Failure } from "./failure.ts"
import { parseRootKeys, type RootKey } from "./root-keys.ts"

/** The repository's root: this module is examples/server/dist/config.js. */
export const root = fileURLToPath(new URL("../../..", import.meta.url))

export type StorageChoice =
  | { readonly type: "memory" }
  | { readonly type: "lmdb"; readonly path: string }
  /** These may hold a password. */
  | { readonly type: "redis"; readonly url: string }
  | { readonly type: "mongodb"; readonly uri: string }

export interface Config {
  readonly port: number
  readonly host: string
  readonly storage: StorageChoice
  /** Absent: one is made, or the one made before is taken. */
  readonly rootKeys: readonly RootKey[] | undefined
  readonly demoToken: SecretInput | undefined
}

const port = (text: string): number => {
  const number = Number(text)
  if (/^\d+$/.test(text) && number <= 65_535) return number
  throw new Failure("PORT must be a number from 0 to 65535, where 0 takes any free port.")
}

const storage = (text: string): StorageChoice => {
  if (text === "memory:") return { type: "memory" }
  const path = /^lmdb:(.+)$/.exec(text)?.[1]
  if (path !== undefined) return { type: "lmdb", path: resolve(root, path) }
  if (/^rediss?:$/.test(URL.parse(text)?.protocol ?? "") && URL.parse(text)?.hostname)
    return { type: "redis", url: text }
  // Several hosts in one, which is no URL.
  if (/^mongodb(\+srv)?:\/\/[^/?]/.test(text)) return { type: "mongodb", uri: text }
  // Not the text itself: addresses of databases hold passwords.
  throw new Failure(
    "STRONGROOM_STORAGE must be memory:, lmdb: and a folder, or redis:// (rediss://) or mongodb:// (mongodb+srv://) and a host.",
  )
}

const demoToken = (text: string) => {
  if (fields.isApiToken(text)) return redact(text)
  throw new Failure("STRONGROOM_DEMO_TOKEN must be ek_live_ and 43 characters of unpadded base64url.")
}

const host = (text: string): string => {
  if (text !== "") return text
  // Node would take it for every address of the machine.
  throw new Failure("HOST must be a host name or an address.")
}

export const readConfig = (env: NodeJS.ProcessEnv): Config => {
  const { PORT, HOST, STRONGROOM_STORAGE, STRONGROOM_ROOT_KEYS, STRONGROOM_DEMO_TOKEN } = env
  return {
    port: port(PORT ?? "8080"),
    host: host(HOST ?? "127.0.0.1"),
    storage: storage(STRONGROOM_STORAGE ?? "lmdb:.strongroom/data"),
    rootKeys:
      STRONGROOM_ROOT_KEYS === undefined ? undefined : parseRootKeys("STRONGROOM_ROOT_KEYS", STRONGROOM_ROOT_KEYS),
    demoToken: STRONGROOM_DEMO_TOKEN === undefined ? undefined : demoToken(STRONGROOM_DEMO_TOKEN),
  }
}
