import { Effect, Layer } from "effect"
import { type EngineError, StrongroomError } from "../domain/errors.ts"
import type { Logger } from "../ports/logger.ts"
import { type CommitAttempt, Storage, type StorageShape } from "../ports/services.ts"
import type { Page, StorageAdapter, StorageErrorCode, StoredRecord } from "../ports/storage.ts"

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

const isRecord = (record: unknown): record is StoredRecord =>
  typeof record === "object" &&
  record !== null &&
  "revision" in record &&
  typeof record.revision === "string" &&
  "bytes" in record &&
  record.bytes instanceof Uint8Array

const isPage = (page: Page): boolean =>
  typeof page?.more === "boolean" &&
  Array.isArray(page.records) &&
  page.records.every((listed) => typeof listed?.leaf === "string" && isRecord(listed.record))

/**
 * Lifts an adapter's promises. Reads that fail for a foreign reason or give something else than the port says are
 * `STORAGE_FAILED`; such a commit is in doubt.
 */
export const liftStorage = (adapter: StorageAdapter, logger: Logger): StorageShape => {
  const inDoubt = { status: "unknown" } as const

  const failed =
    (call: string) =>
    (error: unknown): EngineError => {
      const code = codeOf(error)
      logger.warn("a storage call failed", { call, code: code ?? "none" })
      return code === undefined || code === "UNKNOWN_OUTCOME"
        ? new StrongroomError("STORAGE_FAILED", "reading from storage failed")
        : known[code]()
    }

  /** One primitive for the whole call: `tryPromise` and what would follow it cost as much as a seal. */
  const calling = <A, B>(
    call: () => Promise<A>,
    answered: (answer: A) => Effect.Effect<B, EngineError>,
    rejected: (error: unknown) => Effect.Effect<B, EngineError>,
    resume: (effect: Effect.Effect<B, EngineError>) => void,
  ): void => {
    const settled = (answer: A) => resume(Effect.suspend(() => answered(answer)))
    const failing = (error: unknown) => resume(Effect.suspend(() => rejected(error)))
    try {
      call().then(settled, failing)
    } catch (error) {
      failing(error)
    }
  }

  /** Told apart from what the port allows, so that it is not taken for an absent record. */
  const requireShape = <A>(call: string, answer: A, fits: boolean): Effect.Effect<A, EngineError> => {
    if (fits) return Effect.succeed(answer)
    logger.error("the storage adapter gave something else than the port says", { call })
    return Effect.fail(new StrongroomError("STORAGE_FAILED", `storage gave something else than the port says: ${call}`))
  }

  const isAnswer = (records: unknown, length: number): boolean =>
    Array.isArray(records) &&
    records.length === length &&
    records.every((record) => record === undefined || isRecord(record))

  return {
    limits: adapter.limits,
    read: (partition, addresses) =>
      Effect.callback((resume, signal) =>
        calling(
          () => adapter.read(partition, addresses, { signal }),
          (records) => requireShape("read", records, isAnswer(records, addresses.length)),
          (error) => Effect.fail(failed("read")(error)),
          resume,
        ),
      ),
    list: (partition, collection, options) =>
      Effect.tryPromise({
        try: (signal) => adapter.list(partition, collection, { ...options, signal }),
        catch: failed("list"),
      }).pipe(Effect.flatMap((page) => requireShape("list", page, isPage(page)))),
    commit: (partition, commit) =>
      // Without a signal: commits are uninterruptible, so nothing would ever abort it.
      Effect.callback<CommitAttempt, EngineError>((resume) =>
        calling(
          () => adapter.commit(partition, commit),
          (result) =>
            Effect.succeed(
              result?.status === "committed" || (result?.status === "conflict" && Array.isArray(result.addresses))
                ? result
                : inDoubt,
            ),
          (error) => {
            const code = codeOf(error)
            logger.warn("a storage call failed", { call: "commit", code: code ?? "none" })
            return code === undefined || code === "UNKNOWN_OUTCOME"
              ? Effect.succeed(inDoubt)
              : Effect.fail(known[code]())
          },
          resume,
        ),
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
