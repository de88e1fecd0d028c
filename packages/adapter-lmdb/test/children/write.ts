/** Writes until it is killed: a left half, a right half and a shared counter in each commit; reports each commit that returned. */
import { newRevision, put, text } from "../../../core/test/storage/records.ts"
import { lmdbStorage } from "../../src/index.ts"
import { codeOf } from "../records.ts"

const [directory = "", name = ""] = process.argv.slice(2)
const storage = lmdbStorage({ path: directory })
const counter = { collection: "counter", leaf: "counter" }

const commitOne = async (leaf: string): Promise<boolean> => {
  const [found] = await storage.read("p", [counter])
  const revision = newRevision()
  const bytes = Buffer.alloc(3_000, leaf)
  const result = await storage.commit("p", {
    checks: [{ ...counter, revision: found?.revision }],
    writes: [
      put(counter, `${Number(text(found?.bytes)) + 1}`),
      { collection: "left", leaf, record: { revision, bytes } },
      { collection: "right", leaf, record: { revision, bytes } },
    ],
  })
  return result.status === "committed"
}

process.send?.("ready")
let stopped = false
const lane = async (id: number): Promise<void> => {
  for (let n = 0; !stopped; ) {
    const leaf = `${name}-${id}-${n}`
    if (!(await commitOne(leaf))) continue
    process.send?.(leaf)
    n++
  }
}
// Not process.exit(): while a commit is under way lmdb may wait for ever in it.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
process.on("message", () => {
  stopped = true
})
const running = Promise.all([0, 1, 2].map(lane))
const ending = running.then(() => storage.close()).then(() => process.exit())
ending.catch((error: unknown) => {
  process.send?.(`failed: ${codeOf(error)}`)
  process.exit(1)
})
