import { Schema } from "effect"
import fc from "fast-check"
import { expect, it } from "vitest"
import { DisplayName, NonEmptySecretText, Note } from "../../src/domain/fields.ts"

/** Code points that take one and two UTF-16 units, about as many as the limit lets through, and a few more or fewer. */
const around = (limit: number) =>
  fc
    .array(fc.constantFrom("a", "\u00fc", "\u{1F511}"), { minLength: Math.max(0, limit - 3), maxLength: limit + 3 })
    .map((points) => points.join(""))

it.each([
  ["a display name", DisplayName, 1, 64],
  ["a note", Note, 0, 255],
  ["a value that is not empty", NonEmptySecretText, 1, 65_536],
] as const)("the length of %s is counted in code points", (_name, schema, least, most) => {
  const accepts = (value: string) => Schema.decodeUnknownResult(schema)(value)._tag === "Success"
  fc.assert(
    fc.property(fc.oneof(around(least), around(Math.min(most, 300))), (value) => {
      const points = [...value].length
      expect(accepts(value)).toBe(points >= least && points <= most)
    }),
  )
  for (const one of ["a", "\u{1F511}"]) {
    expect(accepts(one.repeat(most))).toBe(true)
    expect(accepts(one.repeat(most + 1))).toBe(false)
    expect(accepts(`${one.repeat(most - 1)}\ud83d`)).toBe(false)
  }
})
