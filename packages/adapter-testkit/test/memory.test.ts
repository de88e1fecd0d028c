import { memoryStorage } from "@strongroom/core"
import * as vitest from "vitest"
import { testStorageAdapter } from "../src/index.ts"

testStorageAdapter(vitest, {
  name: "memory",
  make: async () => ({ storage: memoryStorage(), dispose: async () => {} }),
})
