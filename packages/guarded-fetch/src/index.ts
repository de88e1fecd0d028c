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
  type Transport,
  type TransportInit,
} from "./guarded-fetch.ts"
export type { TransportResponse } from "./masked-response.ts"
export type { SubstitutePlaces } from "./substitute.ts"
