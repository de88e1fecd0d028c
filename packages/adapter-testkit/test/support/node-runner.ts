/** Run by `node --test`, with nothing of vitest in reach: see runner.test.ts. */
import * as runner from "node:test"
import { testStorageAdapter } from "@strongroom/adapter-testkit"
import { memoryStorage } from "@strongroom/core"
import { lmdbStore } from "../../../adapter-lmdb/test/store.ts"

testStorageAdapter(runner, {
  name: "memory",
  make: async () => ({ storage: memoryStorage(), dispose: async () => {} }),
})

testStorageAdapter(runner, { name: "lmdb", make: lmdbStore })
