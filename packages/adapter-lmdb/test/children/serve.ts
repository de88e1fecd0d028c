/** A second client in a process of its own: does what it is told over IPC. */
import { increment } from "../../../core/test/storage/records.ts"
import { lmdbStorage } from "../../src/index.ts"
import { read, write } from "../records.ts"

export interface Request {
  readonly action: "write" | "read" | "increment"
  readonly leaf: string
  readonly text: string
}

const storage = lmdbStorage({ path: process.argv[2] ?? "" })

const answer = async ({ action, leaf, text }: Request): Promise<string | undefined> => {
  if (action === "write") return write(storage, leaf, text)
  if (action === "read") return read(storage, leaf)
  await increment(storage, "p", { collection: "c", leaf }, Number(text))
  return "incremented"
}

process.on("message", async (message) => {
  process.send?.((await answer(JSON.parse(String(message)))) ?? "absent")
})
process.send?.("ready")
