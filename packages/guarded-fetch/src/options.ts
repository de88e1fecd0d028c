import { StrongroomError } from "@strongroom/core"

/** What an option has to be, and how that is said. */
export interface Rule {
  readonly holds: (value: unknown) => boolean
  readonly reason: string
}

const at = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

/**
 * Checks options, which may come from an environment or from code without types, by their paths (`principal.id`). Throws
 * `INVALID_INPUT` with the path and the rule, never what was given.
 */
export const checkOptions = (options: unknown, rules: Readonly<Record<string, Rule>>): void => {
  for (const [path, { holds, reason }] of Object.entries(rules)) {
    if (holds(path.split(".").reduce(at, options))) continue
    throw new StrongroomError("INVALID_INPUT", `${path}: ${reason}`, { path, reason })
  }
}

export const optional = ({ holds, reason }: Rule): Rule => ({
  holds: (value) => value === undefined || holds(value),
  reason,
})

const ofType = (type: "function" | "boolean"): Rule => ({
  holds: (value) => typeof value === type,
  reason: `must be a ${type}`,
})
export const aFunction = ofType("function")
export const aBoolean = ofType("boolean")

export const absent = (reason: string): Rule => ({ holds: (value) => value === undefined, reason })

export const anObject: Rule = {
  holds: (value) => typeof value === "object" && value !== null,
  reason: "must be an object",
}

// UTF-8 would make one text of those that differ in lone surrogates.
export const text: Rule = {
  holds: (value) => typeof value === "string" && value !== "" && value.isWellFormed(),
  reason: "must be a text that is not empty and has no lone surrogate",
}

export const oneOf = (...names: readonly string[]): Rule => ({
  holds: (value) => names.some((name) => name === value),
  reason: `must be ${names.join(" or ")}`,
})

export const wholeNumber = (least: number, most: number): Rule => ({
  holds: (value) => typeof value === "number" && Number.isInteger(value) && value >= least && value <= most,
  reason: `must be a whole number from ${least} to ${most}`,
})

/** As `setTimeout` takes them; what is longer it makes 1 ms. */
export const milliseconds = wholeNumber(1, 2 ** 31 - 1)
