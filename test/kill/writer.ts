import { writeSync } from "node:fs"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { localKeys, openStrongroom } from "@strongroom/core"
import { batchOf, environmentsOf, host, rootKey } from "./story.ts"

/** Creates batches until it is killed, and writes a batch's name to stdout once its create was acknowledged. */
const [path = "", writer = ""] = process.argv.slice(2)
const strongroom = await openStrongroom({ storage: lmdbStorage({ path }), keys: localKeys([rootKey]) })
const principal = await host(strongroom)
const environments = await environmentsOf(strongroom, principal)
for (let n = 0; ; n++) {
  const name = `${writer}-${n}`
  await strongroom.secrets.create(principal, { project: "prj_kill", environments, secrets: batchOf(name) })
  // Synchronous, so that nothing is said that the kernel has not taken.
  writeSync(1, `${name}\n`)
}
