import { invalidInput, StrongroomError } from "../domain/errors.ts"
import { canonicalDomainList } from "../domains.ts"
import type { Settings } from "../ports/services.ts"

type DomainSettings = NonNullable<(typeof Settings)["Service"]["allowedDomains"]>

/** Throws `INVALID_INPUT` for an empty list where the engine requires allowed domains. */
export const checkRequired = (allowedDomains: readonly string[], { required = false }: DomainSettings): void => {
  if (required && allowedDomains.length === 0) throw invalidInput("allowedDomains", "must hold at least one domain")
}

/** The list as it is stored. Throws `INVALID_DOMAIN`, or what `checkRequired` throws. */
export const canonicalDomains = (patterns: readonly string[], settings: DomainSettings): readonly string[] => {
  checkRequired(patterns, settings)
  const result = canonicalDomainList(patterns, settings)
  if (result.ok) return result.domains
  const path = result.index === undefined ? "allowedDomains" : `allowedDomains[${result.index}]`
  throw new StrongroomError("INVALID_DOMAIN", `${path}: ${result.message}`, { path, reason: result.reason })
}
