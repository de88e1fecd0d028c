/** Commits between two lines on standard output, to be watched by strace. The variants that cheat must be caught. */
import { writeSync } from "node:fs"
import { open } from "lmdb"
import { lmdbStorage } from "../../src/index.ts"
import { putText } from "../records.ts"

const [directory = "", variant = ""] = process.argv.slice(2)
const say = (line: string) => writeSync(1, `${line}\n`)

if (variant === "noSync" || variant === "noMetaSync") {
  const db = open<Buffer, string>({
    path: directory,
    noSubdir: false,
    encoding: "binary",
    [variant]: true,
    overlappingSync: false,
  })
  await db.put("warm", Buffer.from("x"))
  say("BEGIN")
  await db.put("leaf", Buffer.from("x"))
  say("ACKNOWLEDGED")
  await db.close()
} else {
  const storage = lmdbStorage({ path: directory })
  const commit = (i: number, records: number) =>
    storage.commit("p", { checks: [], writes: Array.from({ length: records }, (_, j) => putText(`${i}-${j}`, "x")) })
  const [commits, records] = variant === "group" ? [64, 3] : variant === "large" ? [8, 5_000] : [1, 1]
  await commit(0, 1)
  say("BEGIN")
  const results = Promise.all(Array.from({ length: commits }, (_, i) => commit(i, records)))
  if (variant === "doesNotWait") say("ACKNOWLEDGED")
  await results
  if (variant !== "doesNotWait") say("ACKNOWLEDGED")
  await storage.close()
}
