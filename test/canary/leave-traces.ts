/** Run as a process of its own, so that all that it prints is seen. Uses everything and writes down what it left. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import {
  type Grant,
  localKeys,
  memoryStorage,
  openStrongroom,
  reveal,
  type StorageAdapter,
  strongroomLayer,
} from "@strongroom/core"
import { leakControls } from "./controls.ts"
import { openTraced } from "./exercise-effect.ts"
import { exerciseFacade, printObjects, provokeRefusals, record } from "./exercise-facade.ts"
import {
  exerciseBrokenStorage,
  exerciseDamage,
  exerciseKeyProviderFaults,
  exerciseStorageFaults,
} from "./exercise-faults.ts"
import { exerciseHttp } from "./exercise-http.ts"
import { loggerOf, markedKeys, open, setUp } from "./stage.ts"
import { Traces } from "./traces.ts"

const [, , folder] = process.argv
if (folder === undefined) throw new Error("give a folder")
const data = join(folder, "data")
await mkdir(data, { recursive: true })

const traces = new Traces()
process.on("warning", (warning) => traces.print("process", "warning", warning))
process.on("unhandledRejection", (reason) => traces.print("process", "unhandledRejection", reason))

const codes = new Set<string>()
const statuses = new Set<number>()
/** Secrets that are random: tokens that the engine made, and keys that it drew. */
const tokens: string[] = []

const noteCodes = (met: Iterable<string>) => {
  for (const code of met) codes.add(code)
}
const noteMethods = (byMethod: Readonly<Record<string, Set<string>>>) => {
  for (const [name, met] of Object.entries(byMethod)) {
    if (!met.has("ok")) throw new Error(`${name} never succeeded: ${[...met].join()}`)
    noteCodes(met)
  }
}
const noteStatuses = (met: Iterable<number>) => {
  for (const status of met) statuses.add(status)
}

// The facade and HTTP, on both storages.
for (const storage of [memoryStorage(), lmdbStorage({ path: data })]) {
  const strongroom = await open(storage, traces)
  const stage = await setUp(strongroom, traces)
  printObjects(traces, { strongroom, storage, keys: markedKeys(), owner: stage.owner })
  noteCodes(await provokeRefusals(stage))
  const issue = (name: string, grants: readonly Grant[]) => strongroom.tokens.issue(stage.owner, { name, grants })
  const revoked = await issue("revoked", [])
  await strongroom.tokens.revoke(stage.owner, revoked.id)
  const reader = await issue("reader", [{ scope: { type: "workspace" }, permission: "read" }])
  const made = { revoked: reveal(revoked.token), reader: reveal(reader.token) }
  tokens.push(made.revoked, made.reader)
  noteStatuses(await exerciseHttp(stage, made))
  noteMethods(await exerciseFacade(stage, true))
  printObjects(traces, { "closed strongroom": strongroom, "closed storage": storage })
}

// The facade as Effect layers, under a tracer. Objects of the caller that throw are left out: in a span stands what the
// caller's own code has thrown.
const { strongroom, drawn, runtime, ports, services } = await openTraced(memoryStorage(), traces)
const stage = await setUp(strongroom, traces)
noteCodes(await provokeRefusals(stage))
printObjects(traces, { layer: strongroomLayer({ storage: memoryStorage(), keys: markedKeys() }), ports, ...services })
noteMethods(await exerciseFacade({ ...stage, strongroom: { ...strongroom, close: async () => {} } }, false))

// Everything below the engine fails.
const untraced = (storage: StorageAdapter) => open(storage, traces)
const traced = async (storage: StorageAdapter) => (await openTraced(storage, traces)).strongroom
let faults = 0
for (const opening of [untraced, traced]) {
  const { codes, statuses, happened } = await exerciseStorageFaults(traces, opening)
  noteCodes(codes)
  noteStatuses(statuses)
  faults += happened
}
// Not under a tracer: what a broken adapter throws from a getter is a defect, which an Effect passes on as it is.
noteCodes(await exerciseBrokenStorage(traces, untraced))
noteCodes(await exerciseDamage(traces))
noteCodes(await exerciseKeyProviderFaults(traces))
const kept = { ...memoryStorage(), close: async () => {} }
await (await open(kept, traces)).close()
const another = localKeys([{ id: "another", key: new Uint8Array(32).fill(9) }])
noteCodes([
  await record(traces, "another root key", () =>
    openStrongroom({ storage: kept, keys: another, logger: loggerOf(traces) }),
  ),
])

await leakControls(traces, [memoryStorage(), lmdbStorage({ path: data })], runtime)

await writeFile(
  join(folder, "report.json"),
  JSON.stringify({
    traces: traces.all(),
    counts: traces.counts,
    codes: [...codes],
    statuses: [...statuses],
    tokens,
    drawn: drawn.map((bytes) => Buffer.from(bytes).toString("base64")),
    faults,
  }),
)
