export { AddressRefusedError, type CheckedAgentOptions, checkedAgent, publicOnlyFetch } from "./checked-agent.ts"
export {
  GuardedFetchError,
  type GuardedFetchErrorCode,
  type GuardedFetchErrorDetails,
  guardedFetchErrorCodes,
} from "./errors.ts"
export {
  type GuardedFetch,
  type GuardedFetchBasics,
  type GuardedFetchOptions,
  guardedFetch,
} from "./guarded-fetch.ts"
export type { AllowPrivateAddresses } from "./public-address.ts"
export type { Release, ReleaseRequest, ReleaseSource } from "./release.ts"
export type { SubstitutePlaces } from "./substitute.ts"
export type { Transport, TransportInit, TransportResponse } from "./transport.ts"
