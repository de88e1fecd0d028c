import { Effect } from "effect"
import { type EngineError, isStrongroomError } from "../domain/errors.ts"

/** Runs synchronous code that throws `StrongroomError`; whatever else it throws is a defect. */
export const attempt = <A>(run: () => A): Effect.Effect<A, EngineError> => attemptEffect(() => Effect.succeed(run()))

/** The same for code that gives an effect, which runs next. */
export const attemptEffect = <A>(run: () => Effect.Effect<A, EngineError>): Effect.Effect<A, EngineError> =>
  Effect.suspend(() => {
    try {
      return run()
    } catch (error) {
      return isStrongroomError(error) ? Effect.fail(error) : Effect.die(error)
    }
  })
