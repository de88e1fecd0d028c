import { memoryStorage } from "../../src/storage/memory.ts"
import { storageContract } from "./contract.ts"

storageContract(
  "memory",
  async () => {
    const storage = memoryStorage()
    return { storage, remove: () => storage.close() }
  },
  500,
)
