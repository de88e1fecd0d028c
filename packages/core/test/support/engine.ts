import { Cause, Clock, type Effect, Layer, ManagedRuntime } from "effect"
import { localKeys } from "../../src/crypto/local-keys.ts"
import type { EngineError } from "../../src/domain/errors.ts"
import { allServices, facadeOver } from "../../src/facade.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import type { EngineServices } from "../../src/services/layers.ts"
import { type Strongroom, type StrongroomOptions, strongroomLayer } from "../../src/strongroom.ts"

/** The root key of every test store. */
export const rootKeys = () => localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }])

/**
 * The engine with the methods of its facade, on a clock that the test holds. Unlike the facade it passes defects on,
 * so that a test sees them.
 */
export const openEngine = async (
  storage: StorageAdapter,
  clock: Clock.Clock,
  options: Omit<StrongroomOptions, "storage" | "keys"> = {},
): Promise<Strongroom> => {
  const layer = strongroomLayer({ ...options, storage, keys: rootKeys() })
  const runtime = ManagedRuntime.make(Layer.provideMerge(layer, Layer.succeed(Clock.Clock, clock)))
  const run = async <A>(effect: Effect.Effect<A, EngineError, EngineServices>): Promise<A> => {
    const exit = await runtime.runPromiseExit(effect)
    if (exit._tag === "Success") return exit.value
    throw Cause.squash(exit.cause)
  }
  return facadeOver(await run(allServices), run, () => runtime.dispose())
}
