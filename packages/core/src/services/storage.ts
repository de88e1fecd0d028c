import { Effect, Layer } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import type { Logger } from "../ports/logger.ts"
import { Storage, type StorageShape } from "../ports/services.ts"
import type { StorageAdapter, StorageErrorCode } from "../ports/storage.ts"

/** What each rejection of an adapter means to a caller. The adapter's own message is not passed on: it may hold credentials. */
const known: Readonly<Record<StorageErrorCode, () => EngineError>> = {
  UNAVAILABLE: () => new StrongroomError("STORAGE_UNAVAILABLE", "storage cannot be reached now"),
  BUSY: () => new StrongroomError("STORAGE_BUSY", "storage is too busy"),
  LIMIT: () => new StrongroomError("LIMIT_EXCEEDED", "more than the storage adapter takes at once"),
  CLOSED: () => new StrongroomError("CLOSED", "storage is closed"),
  FATAL: () => new StrongroomError("STORAGE_FAILED", "storage refused the call"),
  UNKNOWN_OUTCOME: () => new StrongroomError("OUTCOME_UNKNOWN", "storage did not say whether the call succeeded"),
}

const isKnown = (code: unknown): code is StorageErrorCode => typeof code === "string" && Object.hasOwn(known, code)

const codeOf = (error: unknown): StorageErrorCode | undefined => {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : undefined
  return isKnown(code) ? code : undefined
}

/** Lifts an adapter's promises. Reads that fail for a foreign reason are `STORAGE_FAILED`; such a commit is in doubt. */
export const liftStorage = (adapter: StorageAdapter, logger: Logger): StorageShape => {
  const failed =
    (call: string) =>
    (error: unknown): EngineError => {
      const code = codeOf(error)
      logger.warn("a storage call failed", { call, code: code ?? "none" })
      return code === undefined || code === "UNKNOWN_OUTCOME"
        ? new StrongroomError("STORAGE_FAILED", "reading from storage failed")
        : known[code]()
    }
  return {
    limits: adapter.limits,
    read: (partition, addresses) =>
      Effect.tryPromise({
        try: (signal) => adapter.read(partition, addresses, { signal }),
        catch: failed("read"),
      }),
    list: (partition, collection, options) =>
      Effect.tryPromise({
        try: (signal) => adapter.list(partition, collection, { ...options, signal }),
        catch: failed("list"),
      }),
    commit: (partition, commit) =>
      Effect.tryPromise({
        try: (signal) => adapter.commit(partition, commit, { signal }),
        catch: (error) => error,
      }).pipe(
        Effect.catch((error) => {
          const code = codeOf(error)
          logger.warn("a storage call failed", { call: "commit", code: code ?? "none" })
          return code === undefined || code === "UNKNOWN_OUTCOME"
            ? Effect.succeed({ status: "unknown" as const })
            : Effect.fail(known[code]())
        }),
      ),
  }
}

/** The adapter as a layer; closing the layer's scope closes the adapter. */
export const storageLayer = (adapter: StorageAdapter, logger: Logger): Layer.Layer<Storage> =>
  Layer.effect(
    Storage,
    Effect.acquireRelease(Effect.succeed(liftStorage(adapter, logger)), () =>
      Effect.tryPromise(() => adapter.close()).pipe(
        Effect.catch(() => Effect.sync(() => logger.warn("a storage call failed", { call: "close" }))),
      ),
    ),
  )
