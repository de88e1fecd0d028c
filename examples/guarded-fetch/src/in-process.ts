import { GuardedFetchError, guardedFetch, publicOnlyFetch } from "@strongroom/guarded-fetch"
import { runAgent } from "./agent.ts"
import { type Engine, envKey } from "./engine.ts"
import type { Api } from "./made-up-api.ts"

/** The agent runs in this process and is handed a `fetch`. */
export const runInProcess = ({ strongroom, vault, agent }: Engine, api: Api): Promise<readonly string[]> => {
  const guarded = guardedFetch({
    strongroom,
    principal: agent,
    vault,
    purpose: "forward",
    fetch: publicOnlyFetch(api.connection),
  })

  const get = async (url: string, authorization: string): Promise<string> => {
    try {
      const response = await guarded.fetch(url, { headers: { authorization } })
      return `${response.status} ${await response.text()}`
    } catch (error) {
      if (!(error instanceof GuardedFetchError)) throw error
      return `refused: ${error.code} ${error.details["reason"] ?? ""}`
    }
  }
  return runAgent(get, guarded.placeholder(envKey), api.origin)
}
