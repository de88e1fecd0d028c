import type { StorageAdapter, Write } from "@strongroom/core"
import { put, text } from "../../core/test/storage/records.ts"

export const putText = (leaf: string, text: string): Write => put({ collection: "c", leaf }, text)

export const write = async (storage: StorageAdapter, leaf: string, text: string): Promise<string> =>
  (await storage.commit("p", { checks: [], writes: [putText(leaf, text)] })).status

export const read = async (storage: StorageAdapter, leaf: string): Promise<string | undefined> => {
  const [found] = await storage.read("p", [{ collection: "c", leaf }])
  return found && text(found.bytes)
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error)
