import {
  isStrongroomError,
  type Principal,
  type ReleasedSecret,
  type ReleaseOptions,
  reveal,
  type Strongroom,
} from "@strongroom/core"
import { GuardedFetchError } from "./errors.ts"
import { unusable } from "./substitute.ts"

export interface ReleaseRequest {
  readonly envKey: string
  /** The origin of the hop: `https://host` or `https://host:port`. */
  readonly target: string
  readonly allowCleartext: boolean
}

/**
 * Decides whether a host may have a secret. Rejects if not, with a `StrongroomError` whose `details.reason` says why.
 * Resolves with the value and the canonical host, which is the one connected to.
 */
export type Release = (request: ReleaseRequest) => Promise<ReleasedSecret>

/** Who decides: the engine, or a function of yours. */
export type ReleaseSource =
  | {
      readonly strongroom: Pick<Strongroom, "vaults">
      /** Which permission on the vault is asked for: `release` (the default) needs `read`, `forward` no more than `use`. */
      readonly purpose?: NonNullable<ReleaseOptions["purpose"]>
      readonly release?: never
    }
  | { readonly release: Release; readonly strongroom?: never; readonly purpose?: never }

export const releaseOf = (source: ReleaseSource, principal: Principal, vault: string): Release => {
  if (source.release !== undefined) return source.release
  const { strongroom, purpose = "release" } = source
  return ({ envKey, target, allowCleartext }) =>
    strongroom.vaults.secrets.release(principal, vault, envKey, target, { purpose, allowCleartext })
}

/** Opens one secret for a host. Of an error nothing is kept but the engine's code and its reason. */
export const revealFor = async (
  release: Release,
  url: URL,
  envKey: string,
  allowCleartext: boolean,
): Promise<{ readonly value: string; readonly host: string }> => {
  const released = await release({ envKey, target: url.origin, allowCleartext }).catch((error: unknown) => {
    const engine = isStrongroomError(error) ? error : undefined
    const reason = engine?.details["reason"]
    throw new GuardedFetchError("RELEASE_REFUSED", `${envKey} was not released to ${url.host}`, {
      envKey,
      host: url.host,
      cause: engine?.code ?? "UNKNOWN",
      ...(typeof reason === "string" ? { reason } : {}),
    })
  })
  const value = reveal(released.value)
  // A lone surrogate has no UTF-8, and so no percent-encoding; the engine stores no such value.
  if (!value.isWellFormed()) throw unusable(envKey, "request")
  return { value, host: released.host }
}
