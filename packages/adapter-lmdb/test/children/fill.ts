/** Opens, writes until the disk is full, and tells as JSON what still works then. */
import { rmSync } from "node:fs"
import type { StorageAdapter } from "@strongroom/core"
import { lmdbStorage } from "../../src/index.ts"
import { codeOf, read, write } from "../records.ts"

export interface Report {
  openError?: string
  /** What one commit after the other came to. */
  outcomes?: string[]
  /** What commits at the same time came to, on the full disk. */
  together?: string[]
  acknowledged?: number
  readBack?: number
  listed?: number
  afterSpace?: string
}

const [directory = "", ballast = ""] = process.argv.slice(2)
const text = "x".repeat(100_000)
const report: Report = {}

const exercise = async (storage: StorageAdapter): Promise<void> => {
  const attempt = (leaf: string) => write(storage, leaf, text).catch(codeOf)
  report.outcomes = []
  for (let i = 0; i < 100 && report.outcomes.filter((o) => o !== "committed").length < 3; i++) {
    report.outcomes.push(await attempt(`leaf-${i}`))
  }
  report.together = await Promise.all(Array.from({ length: 20 }, (_, i) => attempt(`together-${i}`)))
  const acknowledged = report.outcomes.flatMap((outcome, i) => (outcome === "committed" ? [`leaf-${i}`] : []))
  report.acknowledged = acknowledged.length
  report.readBack = 0
  for (const leaf of acknowledged) if ((await read(storage, leaf)) === text) report.readBack++
  report.listed = (await storage.list("p", "c", { limit: 1_000, maxBytes: 1e9 })).records.length
  if (ballast === "") return
  rmSync(ballast)
  report.afterSpace = await attempt("after")
}

try {
  const storage = lmdbStorage({ path: directory })
  await exercise(storage)
  await storage.close()
} catch (error) {
  report.openError = codeOf(error)
}
console.log(JSON.stringify(report))
