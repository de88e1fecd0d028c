export { AddressRefusedError, type CheckedAgentOptions, checkedAgent, publicOnlyFetch } from "./checked-agent.ts"
export {
  GuardedFetchError,
  type GuardedFetchErrorCode,
  type GuardedFetchErrorDetails,
  guardedFetchErrorCodes,
} from "./errors.ts"
export {
  type GuardedFetch,
  type GuardedFetchOptions,
  guardedFetch,
  type RedactedText,
  type Release,
  type ReleaseRequest,
} from "./guarded-fetch.ts"
export type { AllowPrivateAddresses } from "./public-address.ts"
export type { SubstitutePlaces } from "./substitute.ts"
export type { Transport, TransportInit, TransportResponse } from "./transport.ts"
