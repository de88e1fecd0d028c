import { fields } from "@strongroom/core"
import { Schema } from "effect"

const rule = (holds: (value: unknown) => boolean, reason: string) =>
  Schema.Unknown.check(Schema.makeFilter((value) => holds(value) || reason))

const aFunction = rule((value) => typeof value === "function", "must be a function")

const upTo = (most: number) =>
  Schema.optional(
    rule(
      (value) => typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most,
      `must be a whole number from 1 to ${most}`,
    ),
  )
const count = upTo(Number.MAX_SAFE_INTEGER)

/**
 * The router's own options, which may come from an environment or from code without types; `publicOnlyFetch` checks those
 * of connections. Throws `INVALID_INPUT` with the option's path and the rule, never what was given.
 */
export const checkOptions = fields.decodeInput(
  Schema.Struct({
    strongroom: Schema.Struct({
      tokens: Schema.Struct({ identify: aFunction, verify: aFunction }),
      vaults: Schema.Struct({ secrets: Schema.Struct({ list: aFunction, release: aFunction }) }),
    }),
    authenticate: Schema.optional(aFunction),
    placeholderKey: Schema.optional(
      rule((value) => value instanceof Uint8Array && value.length === 32, "must be 32 bytes"),
    ),
    substitute: Schema.optional(
      Schema.Struct({ query: Schema.optional(Schema.Boolean), body: Schema.optional(Schema.Boolean) }),
    ),
    allowCleartext: Schema.optional(Schema.Boolean),
    // As `setTimeout` takes them; what is longer it makes 1 ms.
    timeoutMs: upTo(2 ** 31 - 1),
    maxRequestBytes: count,
    maxResponseBytes: count,
    maxConcurrent: count,
    logger: Schema.optional(Schema.Struct({ error: aFunction })),
  }),
)
