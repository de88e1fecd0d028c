import type { Principal, Strongroom } from "@strongroom/core"
import { guardedFetch, type SubstitutePlaces, type Transport } from "@strongroom/guarded-fetch"
import { ForwardError } from "./errors.ts"
import { tooLarge } from "./relay.ts"
import type { ForwardRequest } from "./wire.ts"

export interface Forwarder {
  readonly strongroom: Strongroom
  readonly fetch: Transport
  readonly placeholderKey: Uint8Array
  readonly substitute: SubstitutePlaces
  readonly allowCleartext: boolean
  readonly maxResponseBytes: number
}

/** A principal's guarded fetch over one vault. `refusal` is what the engine or we refused it with, untold by its errors. */
export const forwarding = (forwarder: Forwarder, principal: Principal, vault: string) => {
  const { strongroom, fetch, maxResponseBytes, ...options } = forwarder
  let released = false
  let refusal: unknown

  const refuse = (error: unknown): never => {
    refusal ??= error
    throw error
  }

  const guarded = guardedFetch({
    ...options,
    principal,
    vault,
    async release({ envKey, target, allowCleartext }) {
      const answer = await strongroom.vaults.secrets
        .release(principal, vault, envKey, target, { purpose: "forward", allowCleartext })
        .catch(refuse)
      released = true
      return answer
    },
    async fetch(url, init) {
      // Without a secret there is no domain to keep to, and this would be anybody's way out of a sandbox.
      if (!released)
        return refuse(new ForwardError("NO_PLACEHOLDER", "a request without a placeholder is not forwarded"))
      const response = await fetch(url, init)
      if (response.body === null || Number(response.headers.get("content-length")) <= maxResponseBytes) return response
      await response.body.getReader().cancel()
      return refuse(tooLarge(maxResponseBytes))
    },
  })

  return {
    placeholder: guarded.placeholder,
    async send({ url, method, headers, body }: ForwardRequest, signal: AbortSignal): Promise<Response> {
      try {
        return await guarded.fetch(url, { method, headers, signal, ...(body && { body }) })
      } catch (error) {
        throw refusal ?? error
      }
    },
  }
}
