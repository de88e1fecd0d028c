import fc from "fast-check"
import type { NewSecret } from "../../src/domain/model.ts"

const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

/** Any legal secret name, awkward ones among them. */
export const secretName = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "toString", "--", "__", "00", "A".repeat(48)) },
  { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom(...nameCharacters), minLength: 2, maxLength: 48 }) },
)

/** Every string that UTF-8 can hold: any code points but surrogates, NUL and byte order marks among them. */
export const unicode = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "\0", "\uFEFF", "\uFEFFa\0\uFEFF", "\u{10FFFF}", "\uFFFD", "e\u0301", "\r\n"),
  },
)

export const secretOf = (name: string): fc.Arbitrary<NewSecret> =>
  fc
    .record(
      { type: fc.constantFrom("runtime", "build"), note: fc.string({ unit: "binary", maxLength: 50 }) },
      { requiredKeys: ["type"] },
    )
    .chain((common) =>
      fc.oneof(
        unicode.map((value) => ({ ...common, name, value, dataType: "text" as const })),
        fc.json().map((value) => ({ ...common, name, value, dataType: "json" as const })),
      ),
    )

/** 1 to `most` secrets with different names. */
export const newSecrets = (most: number): fc.Arbitrary<readonly NewSecret[]> =>
  fc.uniqueArray(secretName, { minLength: 1, maxLength: most }).chain((names) => fc.tuple(...names.map(secretOf)))

/** Writes some of a UUID's letters in upper case. */
export const inSomeCase = (id: string): fc.Arbitrary<string> => fc.mixedCase(fc.constant(id))
