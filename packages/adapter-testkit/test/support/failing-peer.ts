/** A peer that fails as its argument says. */
import { writePairs } from "@strongroom/adapter-testkit"
import { memoryStorage } from "@strongroom/core"

const [when = ""] = process.argv.slice(2)
const storage = memoryStorage()
if (when === "closed") await storage.close()
if (when !== "exits") writePairs(storage)
if (when === "closes") setTimeout(() => storage.close(), 20)
if (when === "exits") process.exitCode = 3
