import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPeer, type TestStore } from "@strongroom/adapter-testkit"
import { lmdbStorage } from "../src/index.ts"

/** A store for the conformance kit, under any test runner. */
export const lmdbStore = async (): Promise<TestStore> => {
  const path = mkdtempSync(join(tmpdir(), "strongroom-lmdb-"))
  const open = async () => lmdbStorage({ path })
  return {
    storage: await open(),
    reopen: open,
    second: open,
    peek: async () => readdirSync(path).map((file) => readFileSync(join(path, file))),
    peer: () => startPeer(new URL("./children/pairs.ts", import.meta.url), path),
    dispose: async () => rmSync(path, { recursive: true, force: true }),
  }
}
