import { writePairs } from "@strongroom/adapter-testkit"
import { directoryStorage } from "../src/directory-storage.ts"

const [path = ""] = process.argv.slice(2)
writePairs(directoryStorage(path))
