import { type Masker, masking } from "./masker.ts"
import { needlesOf } from "./needles.ts"

/** Values that a chain of hops has used, by env key; rotation in between may give one key several. */
export type UsedValues = ReadonlyMap<string, ReadonlySet<string>>

/** What finds the used values in an answer. */
export interface Reflection {
  /** Masks a text whose characters are bytes (Latin-1), as those of header values are. */
  masked(text: string): string
  /** Whether a header's name, which is lower case, has a value in it. */
  isInName(name: string): boolean
  /** A masker for one body. */
  start(): Masker
}

/** `undefined` when nothing was used that is long enough to be masked. */
export const reflectionOf = (used: UsedValues, placeholderOf: (envKey: string) => string): Reflection | undefined => {
  const names: string[] = []
  const patterns = [...used].flatMap(([envKey, values]) =>
    [...values].flatMap((value) => {
      const replacement = Buffer.from(placeholderOf(envKey))
      const needles = needlesOf(value)
      if (needles.length > 0) names.push(value.trim().toLowerCase())
      return needles.map((needle) => ({ needle, replacement }))
    }),
  )
  if (patterns.length === 0) return undefined
  const shortest = Math.min(...patterns.map(({ needle }) => needle.length))
  // Made when there is something to search, as a long value costs time.
  let startAny: (() => Masker) | undefined
  const start = (): Masker => {
    startAny ??= masking(patterns)
    return startAny()
  }
  return {
    start,
    masked(text) {
      if (text.length < shortest) return text
      const masker = start()
      return Buffer.concat([masker.push(Buffer.from(text, "latin1")), masker.end()]).toString("latin1")
    },
    isInName: (name) => names.some((value) => name.includes(value)),
  }
}
