/**
 * Writes the golden files of record format 1: `node packages/core/test/golden/generate.ts`.
 *
 * NEVER to be run again once they are released, and it refuses to while they exist: a golden file is what stores in the
 * field look like, and a test that fails against it has found a defect of the code. A new version of the format gets new files
 * (`v2-*.json`) from a generator of its own; the old ones stay.
 *
 * Randomness and time are fixed, but for the nonces of wrapped keys, which `localKeys` draws itself.
 */
import { existsSync, writeFileSync } from "node:fs"
import { type GoldenStore, golden } from "./files.ts"
import { makeStore } from "./make-store.ts"
import { makeVectors } from "./make-vectors.ts"

const rootKey = Uint8Array.from({ length: 32 }, (_, i) => i)
const { expected, store } = await makeStore(rootKey)
const goldenStore: GoldenStore = {
  about: "A small store in record format 1 (docs/record-format.md), opened by its root key alone. Never regenerated.",
  rootKey: Buffer.from(rootKey).toString("base64"),
  expected,
  store,
}
const files = [
  [golden("store"), goldenStore],
  [golden("vectors"), await makeVectors()],
] as const
for (const [file] of files) {
  if (existsSync(file)) throw new Error(`${file.pathname} exists: golden files are never written again`)
}
for (const [file, content] of files) writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { flag: "wx" })
