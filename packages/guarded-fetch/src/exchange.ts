import { GuardedFetchError } from "./errors.ts"
import { acceptEncoding } from "./masked-response.ts"
import type { Placeholders } from "./placeholders.ts"
import { type Reflection, reflectionOf } from "./reflection.ts"
import { type Release, revealFor } from "./release.ts"
import { type Hop, type SubstitutePlaces, substitute, substituteStream } from "./substitute.ts"
import { type Transport, type TransportResponse, transportFault } from "./transport.ts"

/** What all calls of one guarded fetch share. */
export interface Guard {
  readonly placeholders: Placeholders
  readonly places: SubstitutePlaces
  readonly release: Release
  readonly transport: Transport
  readonly allowCleartext: boolean
  readonly mask: boolean
}

/** One call of `fetch`. */
export interface Exchange {
  /** Decides on every placeholder of a hop, then sends it. */
  send(hop: Hop): Promise<TransportResponse>
  /** What finds, in an answer, the values that the hops so far have used. */
  reflection(): Reflection | undefined
}

export const exchange = (guard: Guard, signal: AbortSignal): Exchange => {
  const { placeholders, places, transport } = guard
  const used = new Map<string, Set<string>>()

  const reveal = async (url: URL, envKey: string) => {
    const revealed = await revealFor(guard.release, url, envKey, guard.allowCleartext)
    signal.throwIfAborted()
    const values = used.get(envKey) ?? new Set()
    used.set(envKey, values.add(revealed.value))
    return revealed
  }

  /** The hop towards its canonical host, with a value for each placeholder in it but those in a stream. */
  const decide = async (hop: Hop) => {
    const wanted = new Set<string>()
    substitute(hop, places, placeholders, (envKey) => {
      wanted.add(envKey)
      return ""
    })
    const url = new URL(hop.url)
    const values = new Map<string, string>()
    for (const envKey of wanted) {
      const { value, host } = await reveal(hop.url, envKey)
      values.set(envKey, value)
      url.hostname = host
    }
    return { decided: { ...hop, url }, values }
  }

  return {
    async send(hop) {
      const { decided, values } = await decide(hop)
      const { host, hostname } = decided.url
      const wire = substitute(decided, places, placeholders, (envKey) => values.get(envKey) ?? "")
      const headers = new Headers(wire.headers)
      if (guard.mask) headers.set("accept-encoding", acceptEncoding)

      let answered = false
      let streamFault: unknown
      const refuseLate = (envKey: string): void => {
        if (!answered) return
        throw new GuardedFetchError("RELEASE_REFUSED", `${envKey} came after the answer had begun`, { envKey, host })
      }
      const valueInStream = async (envKey: string): Promise<string> => {
        const present = values.get(envKey)
        if (present !== undefined) return present
        // Before and after: the answer is masked for the values that were known when it came.
        refuseLate(envKey)
        const revealed = await reveal(decided.url, envKey)
        refuseLate(envKey)
        if (revealed.host !== hostname)
          throw new GuardedFetchError("TARGET_REFUSED", "a stream needs a URL with the canonical host", { host })
        values.set(envKey, revealed.value)
        return revealed.value
      }

      let { body } = wire
      if (body instanceof ReadableStream && places.body) {
        headers.delete("content-length")
        const contentType = headers.get("content-type") ?? ""
        const noteFault = (error: unknown) => {
          streamFault = error
        }
        body = body.pipeThrough(substituteStream(contentType, placeholders, valueInStream, noteFault))
      }
      const { method } = hop
      try {
        return await transport(wire.url, {
          method,
          headers: [...headers],
          body,
          duplex: "half",
          redirect: "manual",
          signal,
        })
      } catch (error) {
        throw streamFault ?? transportFault(error, signal, host)
      } finally {
        answered = true
      }
    },

    reflection: () => reflectionOf(used, placeholders.of),
  }
}
