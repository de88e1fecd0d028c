import fc from "fast-check"

/** Bodies of both create endpoints as JSON texts: good, bad and nearly good. */

type Json = fc.Arbitrary<string>

const literal = (value: unknown): Json => fc.constant(JSON.stringify(value))
const oneOf = (...choices: readonly (readonly [weight: number, arbitrary: Json])[]): Json =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const junk = fc.constantFrom("null", "0", "true", '""', "[]", "{}", "[[]]", '{"length":3}', '"null"')

/** Texts, not objects, so that `__proto__` becomes a property and a property may stand twice. */
const object = (fields: Readonly<Record<string, Json>>): Json =>
  fc
    .tuple(
      fc.tuple(
        ...Object.entries(fields).map(([name, value]) =>
          fc
            .tuple(value, fc.integer({ min: 0, max: 99 }))
            .map(([text, fate]) => (fate === 0 ? [] : [`${JSON.stringify(name)}:${text}`])),
        ),
      ),
      fc.subarray(['"extra":{"a":[1]}', '"__proto__":{"value":"x","key":"XX"}', '"constructor":null', '"value ":1']),
      fc.boolean(),
    )
    .map(
      ([own, extra, extraFirst]) => `{${(extraFirst ? [...extra, ...own.flat()] : [...own.flat(), ...extra]).join()}}`,
    )

/** Mostly the list, now and then something else in its place. */
const list = (item: Json, maxLength: number): Json =>
  oneOf(
    [30, fc.array(item, { minLength: 1, maxLength }).map((items) => `[${items.join()}]`)],
    [1, fc.constant("[]")],
    [1, junk],
  )

// One code point each, of one to four bytes in UTF-8 and one or two units in UTF-16.
const character = fc.constantFrom("a", "_", "é", "\u2028", "\u{1F511}", "\u0000", '"')

/** Texts whose length in code points is at, one below or one above a limit. */
const near = (...limits: readonly number[]) =>
  fc
    .tuple(fc.constantFrom(...limits), fc.integer({ min: -1, max: 1 }), character, character)
    .map(([limit, off, first, rest]) => first + rest.repeat(Math.max(0, limit + off - 1)))

const text = (...limits: readonly number[]): Json =>
  oneOf(
    [20, fc.string({ unit: character, maxLength: 20 }).map((value) => JSON.stringify(value))],
    [2, near(...limits).map((value) => JSON.stringify(value))],
    [1, fc.constantFrom('"\\ud800"', '"a\\ude00\\ud83d"', '"\\ud83d\\ud83d\\udd11"', '"\\ud83d\\udd11"')],
    [1, junk],
  )

const uuid = fc.uuid()
const environmentId: Json = oneOf(
  [30, uuid.map((id) => JSON.stringify(id))],
  [5, uuid.map((id) => JSON.stringify(id.toUpperCase()))],
  [4, literal("9a5f1c3e-1111-4111-8111-111111111111")],
  [4, literal("9A5F1C3E-1111-4111-8111-111111111111")],
  [1, literal("00000000-0000-0000-0000-000000000000")],
  [1, literal("ffffffff-ffff-ffff-ffff-ffffffffffff")],
  [
    1,
    fc.constantFrom(
      // max in upper case, versions 0 and 9, variants 7 and c, and other spellings
      '"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"',
      '"9a5f1c3e-1111-0111-8111-111111111111"',
      '"9a5f1c3e-1111-9111-8111-111111111111"',
      '"9a5f1c3e-1111-4111-7111-111111111111"',
      '"9a5f1c3e-1111-4111-c111-111111111111"',
      '"urn:uuid:9a5f1c3e-1111-4111-8111-111111111111"',
      '"{9a5f1c3e-1111-4111-8111-111111111111}"',
      '"9a5f1c3e111141118111111111111111"',
      '"9a5f1c3e-1111-4111-8111-111111111111\\n"',
      '" 9a5f1c3e-1111-4111-8111-111111111111"',
      '"9a5f1c3e-1111-4111-8111-11111111111"',
      '"９a5f1c3e-1111-4111-8111-111111111111"',
    ),
  ],
  [1, junk],
)

const word = fc.string({ unit: fc.constantFrom("A", "z", "0", "_", "-"), minLength: 2, maxLength: 48 })
const key: Json = oneOf(
  [40, word.map((name) => JSON.stringify(name))],
  [12, literal("AB")],
  [8, fc.constantFrom('"__proto__"', '"constructor"', '"9a5f1c3e-1111-4111-8111-111111111111"')],
  [3, fc.tuple(fc.constantFrom(1, 2, 48, 49), fc.constantFrom("A", "-")).map(([n, c]) => JSON.stringify(c.repeat(n)))],
  [1, fc.constantFrom('"A B"', '"AB\\n"', '"AÉ"', '"AB\u{1F511}"', '"A.B"', '"ＡＢ"', '"ſſ"', '"KK"')],
  [1, junk],
)

const oneOfWords = (...words: readonly string[]): Json =>
  oneOf(
    [40, fc.constantFrom(...words).map((text) => JSON.stringify(text))],
    [1, fc.constantFrom(...words).map((text) => JSON.stringify(text.toUpperCase()))],
    [1, junk],
  )

const secret = oneOf(
  [
    40,
    object({
      key,
      value: oneOf([30, text(65_536)], [5, fc.constantFrom('"1"', '"{}"', '"null"', '"\\"a\\""', '"[1,]"')]),
      note: oneOf([20, text(255)], [1, literal("")]),
      type: oneOfWords("runtime", "build"),
      dataType: oneOf([6, literal("text")], [1, oneOfWords("text", "json")]),
    }),
  ],
  [1, junk],
)

export const createSecretsBody: Json = oneOf(
  [60, object({ environments: list(environmentId, 3), secrets: list(secret, 3) })],
  // environments x secrets around the limit of 1,000
  [
    2,
    fc.tuple(fc.constantFrom(1, 10, 1000), fc.integer({ min: -1, max: 1 })).map(([environments, off]) => {
      const ids = Array.from({ length: environments }, (_, index) => {
        return `9a5f1c3e-1111-4111-8111-${String(index).padStart(12, "0")}`
      })
      const secrets = Array.from({ length: Math.max(1, 1000 / environments + off) }, (_, index) => {
        return { key: `KEY_${index}`, value: "", type: "runtime", dataType: "text" }
      })
      return JSON.stringify({ environments: ids, secrets })
    }),
  ],
  [1, junk],
)

export const goodDomains = [
  "api.example.com",
  "*.example.com",
  "*.Example.COM.",
  "bücher.example",
  "xn--bcher-kva.example",
]
export const badDomains = ["", "*", "*.com", "localhost", "a b.example", "https://a.example.com", "a.example.com:443"]

const domain: Json = oneOf(
  [40, fc.constantFrom(...goodDomains).map((pattern) => JSON.stringify(pattern))],
  [1, fc.constantFrom(...badDomains).map((pattern) => JSON.stringify(pattern))],
  [1, junk],
)

export const createVaultSecretBody: Json = oneOf(
  [
    60,
    object({
      env_key: oneOf(
        [40, word.map((name) => JSON.stringify(`A${name.replaceAll("-", "_")}`))],
        [2, near(255).map((name) => JSON.stringify(name.replace(/[^A-Za-z_]/gu, "a")))],
        [1, fc.constantFrom('"A-B"', '"1A"', '""', '"_"', '"a"', '"A B"', '"A\\n"', '"ſ"', '"__proto__"')],
        [1, junk],
      ),
      value: text(1, 65_536),
      allowed_domains: oneOf([10, list(domain, 4)], [1, fc.constantFrom(100, 101).map(someDomains)]),
    }),
  ],
  [1, junk],
)

function someDomains(count: number): string {
  return JSON.stringify(Array.from({ length: count }, (_, index) => `a${index}.example.com`))
}
