import { writePairs } from "@strongroom/adapter-testkit"
import { mongoStorage } from "../../src/index.ts"

const [uri = "", database = ""] = process.argv.slice(2)
writePairs(await mongoStorage({ uri, database }))
