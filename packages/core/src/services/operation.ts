import { Effect } from "effect"
import type { EngineError } from "../domain/errors.ts"

/**
 * A use case of a service, in one span: a generator function, or one that gives an effect. Instead of `Effect.fn`, which
 * takes two stack traces at each call (about 8 µs, as much as sealing a record).
 */
export const operation =
  (name: string) =>
  <Args extends readonly unknown[], A>(
    body: (...args: Args) => Effect.Effect<A, EngineError> | Generator<Effect.Effect<unknown, EngineError>, A, never>,
  ) =>
  (...args: Args): Effect.Effect<A, EngineError> =>
    Effect.useSpan(name, () => {
      const running = body(...args)
      return Effect.isEffect(running) ? running : Effect.gen(() => running)
    })
