import { execFileSync } from "node:child_process"
import { describe, it } from "vitest"

const { CI, REDIS_URL } = process.env

const runs = (command: string): boolean => {
  try {
    execFileSync(command, ["--version"], { stdio: "pipe" })
    return true
  } catch {
    return false
  }
}

const hasServer = runs("redis-server")
if (!hasServer && CI === "true") throw new Error("redis-server is missing, and with CI=true that is a failure")

/** A server that somebody else runs, for the suites that need nothing but a server. */
export const sharedUrl = REDIS_URL

const suite = (available: boolean) => (name: string, body: () => void) => {
  if (available) return describe(name, body)
  // The summary tells equal reasons once (scripts/summary-reporter.ts).
  return describe(name, () => {
    it("runs", (context) => context.skip("Redis itself was not exercised: there is no redis-server here"))
  })
}

/** A suite that starts, stops and breaks servers. */
export const describeWithServers = suite(hasServer)
/** A suite to which `REDIS_URL` will do. */
export const describeOnServer = suite(hasServer || sharedUrl !== undefined)
