import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { GuardedFetchError, guardedFetch } from "../src/index.ts"
import { type PlaceholderOwner, partialPlaceholderAt, placeholders } from "../src/placeholders.ts"
import { substituteStream } from "../src/substitute.ts"
import { principal, releasing, vault } from "./support/guard.ts"

const owner: PlaceholderOwner = { workspace: principal.workspace, principal: principal.id, vault }
const key = new Uint8Array(32).fill(1)
const other = "vlt_01KQ27AQH800XQTQPJZ0DH14SK"

const unknown = (run: () => unknown) => {
  expect(run).toThrow(GuardedFetchError)
  expect(run).toThrow(expect.objectContaining({ code: "PLACEHOLDER_UNKNOWN" }))
}

const envKeys = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/)

describe("a placeholder", () => {
  test("is made of unreserved characters, and is the same each time for the same key", () => {
    fc.assert(
      fc.property(envKeys, (envKey) => {
        const placeholder = placeholders(owner, key).of(envKey)
        expect(placeholder).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(encodeURIComponent(placeholder)).toBe(placeholder)
        expect(placeholders(owner, key).of(envKey)).toBe(placeholder)
      }),
    )
  })

  test("is replaced wherever it stands, with whatever value", () => {
    fc.assert(
      fc.property(envKeys, fc.string(), fc.string(), fc.string(), (envKey, value, before, after) => {
        const { of, replace } = placeholders(owner, key)
        expect(replace(`${before}${of(envKey)}${after}`, () => value)).toBe(`${before}${value}${after}`)
      }),
    )
  })

  test("of another key, workspace, principal or vault never verifies", () => {
    const others = [
      placeholders(owner, new Uint8Array(32).fill(2)),
      placeholders(owner),
      placeholders({ ...owner, workspace: "0" }, key),
      placeholders({ ...owner, principal: "prn_01KQ27AQH800XQTQPJZ0DH14SK" }, key),
      placeholders({ ...owner, vault: other }, key),
      // The same characters, divided otherwise.
      placeholders({ ...owner, workspace: `${owner.workspace}p`, principal: owner.principal.slice(1) }, key),
    ]
    fc.assert(
      fc.property(envKeys, fc.constantFrom(...others), (envKey, another) => {
        unknown(() => placeholders(owner, key).replace(another.of(envKey), () => "x"))
      }),
    )
  })

  test("never verifies after any change of one character that leaves its shape", () => {
    const { of, replace } = placeholders(owner, key)
    const good = of("API_KEY")
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.stringMatching(/^[A-Za-z0-9_-]$/), (at, character) => {
        const changed = good.slice(0, at) + character + good.slice(at + 1)
        const asked: string[] = []
        const run = () =>
          replace(changed, (envKey) => {
            asked.push(envKey)
            return "x"
          })
        if (changed === good) return
        try {
          expect(run()).toBe(changed) // no longer of the shape: a mere text
        } catch (error) {
          expect(error).toMatchObject({ code: "PLACEHOLDER_UNKNOWN" })
        }
        expect(asked).toEqual([])
      }),
      { numRuns: 1000 },
    )
  })

  test("cannot be guessed from another: its last part is a MAC over the env key and the vault", () => {
    const { of, replace } = placeholders(owner, key)
    unknown(() => replace(of("API_KEY").replace("API_KEY", "API_KEX"), () => "x"))
    const elsewhere = placeholders({ ...owner, vault: other }, key)
    unknown(() => elsewhere.replace(of("API_KEY").replace(vault.slice(4), other.slice(4)), () => "x"))
  })

  test.each(["", "1A", "A-B", "A B", "é", "A".repeat(256)])("for %j is refused", (envKey) => {
    expect(() => placeholders(owner, key).of(envKey)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }))
  })

  test("needs a vault id and a key of 32 bytes", () => {
    const make = (options: object) => () => guardedFetch({ principal, vault, release: releasing().release, ...options })
    expect(make({ vault: "vlt_1" })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }))
    expect(make({ placeholderKey: new Uint8Array(31) })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }))
    expect(make({ placeholderKey: key })().placeholder("A")).toBe(make({ placeholderKey: key })().placeholder("A"))
    expect(make({})().placeholder("A")).not.toBe(make({})().placeholder("A"))
  })
})

describe("a stream", () => {
  const known = placeholders(owner, key)
  // Texts in which placeholders begin, end and almost are.
  const part = fc.oneof(
    fc.constantFrom(known.of("A"), known.of("API_KEY"), known.of("A".repeat(255)), "s", "sr", "sr-", "sr-01KQ27AQ"),
    fc.constant(known.of("B").slice(0, -1)),
    fc.string(),
  )
  const text = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""))

  const run = async (input: Uint8Array, cuts: readonly number[]): Promise<string> => {
    const at = [0, ...cuts.map((cut) => cut % (input.length + 1)), input.length].sort((a, b) => a - b)
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const [index, end] of at.slice(1).entries()) controller.enqueue(input.subarray(at[index], end))
        controller.close()
      },
    })
    const output = source.pipeThrough(
      substituteStream(
        "text/plain",
        known,
        (envKey) => Promise.resolve(`<${envKey} é>`),
        () => {},
      ),
    )
    return new Response(output).text()
  }

  test("is replaced as its text would be, however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 8 }), async (input, cuts) => {
        let whole: string
        try {
          whole = known.replace(input, (envKey) => `<${envKey} é>`)
        } catch {
          await expect(run(Buffer.from(input), cuts)).rejects.toMatchObject({ code: "PLACEHOLDER_UNKNOWN" })
          return
        }
        expect(await run(Buffer.from(input), cuts)).toBe(whole)
      }),
      { numRuns: 500 },
    )
  })

  test("holds back no more than what may become a placeholder", () => {
    fc.assert(
      fc.property(fc.string(), envKeys, fc.nat(), (before, envKey, cut) => {
        const placeholder = known.of(envKey)
        const cutAt = 1 + (cut % (placeholder.length - 1))
        const clean = before.replace(/s/gi, "")
        expect(partialPlaceholderAt(clean)).toBe(clean.length)
        expect(partialPlaceholderAt(clean + placeholder.slice(0, cutAt))).toBe(clean.length)
      }),
    )
  })
})
