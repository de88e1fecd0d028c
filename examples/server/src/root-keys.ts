import { randomBytes } from "node:crypto"
import { link, mkdir, open, readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { Failure } from "./failure.ts"

export interface RootKey {
  readonly id: string
  readonly key: Uint8Array
}

/** `id:base64,…` */
export const parseRootKeys = (source: string, text: string): readonly RootKey[] =>
  text.split(",").map((pair) => {
    const [, id, base64] = /^([\w.-]{1,64}):([A-Za-z0-9+/]{43}=)$/.exec(pair.trim()) ?? []
    if (id !== undefined && base64 !== undefined) return { id, key: new Uint8Array(Buffer.from(base64, "base64")) }
    throw new Failure(`${source} must hold id:key pairs with commas between them, each key 32 bytes in base64.`)
  })

export const newRootKey = (id: string): RootKey => ({ id, key: new Uint8Array(randomBytes(32)) })

const unless = (code: string) => (error: unknown) => {
  if (!(error instanceof Error && "code" in error && error.code === code)) throw error
}

/** The file appears whole or not at all, wherever the process is killed, and never replaces one that is there. */
const writeOnce = async (folder: string, file: string, text: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = join(folder, `.root-keys.${process.pid}`)
  await rm(draft, { force: true })
  const handle = await open(draft, "wx", 0o600)
  await handle.writeFile(text)
  await handle.sync()
  await handle.close()
  await link(draft, file).catch(unless("EEXIST"))
  await rm(draft)
  const names = await open(folder)
  await names.sync()
  await names.close()
}

/**
 * The root keys of the file, which is made on the first start. Where there is data already and its key is gone, a new
 * key would only hide that, so that is a `Failure`; `place` names where the data is.
 */
export const keptRootKeys = async (
  folder: string,
  file: string,
  hasData: () => Promise<boolean>,
  place: string,
): Promise<readonly RootKey[]> => {
  const source = `The file ${file}`
  const kept = await readFile(file, "utf8").catch(unless("ENOENT"))
  if (kept !== undefined) return parseRootKeys(source, kept)

  if (await hasData()) {
    throw new Failure(`There is data in ${place} but no root key: set STRONGROOM_ROOT_KEYS or bring back ${file}.`)
  }
  const { id, key } = newRootKey("made-by-npm-start")
  await writeOnce(folder, file, `${id}:${Buffer.from(key).toString("base64")}\n`)
  // Another start may have been quicker: the file decides.
  return parseRootKeys(source, await readFile(file, "utf8"))
}

export const hasFiles = async (folder: string): Promise<boolean> =>
  ((await readdir(folder).catch(unless("ENOENT"))) ?? []).length > 0
