import fc from "fast-check"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { nameOf } from "../../src/records/sealed-record.ts"
import { check, timeout } from "../support/runs.ts"
import { withBytes, withChanges } from "./support/tampering.ts"
import { actOn, healthyWorld, isDetection, type Outcomes } from "./support/verdict.ts"
import { findVictims, type Victim } from "./support/victims.ts"
import type { World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

const slow = process.env["STRONGROOM_SLOW"] === "1"

let world: World
let before: Outcomes
let victims: readonly Victim[]

/** What every call that opens the record says to these bytes in its place. */
const outcomesWith = async ({ stored, openedBy }: Victim, bytes: Uint8Array): Promise<Outcomes> => {
  const chosen = slow ? openedBy : openedBy.slice(0, 2)
  return actOn(world, withChanges(world.records, [withBytes(stored, bytes)]), (name) => chosen.includes(name))
}

const expectDetected = async (victim: Victim, bytes: Uint8Array, what: string): Promise<void> => {
  const record = nameOf(victim.stored)
  for (const [name, outcome] of Object.entries(await outcomesWith(victim, bytes))) {
    const message = `${name} of ${record}, ${what}`
    expect(isDetection(outcome), `${message}: ${JSON.stringify(outcome)}`).toBe(true)
    if ("error" in outcome) expect(outcome.error.details["record"], message).toBe(record)
  }
}

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
  victims = await findVictims(world, before)
  expect(victims.length).toBeGreaterThanOrEqual(16)
})

describe("attack 5: ciphertext or tag is truncated or extended", () => {
  /** The ends of every field: version, suite, key id, nonce, tag; the body's length is inside. */
  const lengths = [0, 1, 2, 17, 18, 19, 41, 42, 43, 57, 58, 61, 62, 63]

  it("to any length that ends a field, and around the whole length", async () => {
    for (const victim of victims) {
      const { bytes } = victim.stored.record
      const all = slow ? bytes.map((_, index) => index) : lengths
      for (const length of [...all, bytes.length - 17, bytes.length - 16, bytes.length - 1]) {
        await expectDetected(victim, bytes.slice(0, length), `cut to ${length} bytes`)
      }
    }
  })

  it("by bytes at the end, at the start, between ciphertext and tag, and by a second copy", async () => {
    for (const victim of victims) {
      const { bytes } = victim.stored.record
      const put = (at: number, extra: Uint8Array) => Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at)])
      for (const extra of [new Uint8Array(1), new Uint8Array(16), new Uint8Array(100_000)]) {
        await expectDetected(victim, put(bytes.length, extra), `${extra.length} bytes added at the end`)
        await expectDetected(victim, put(bytes.length - 16, extra), `${extra.length} bytes added before the tag`)
        await expectDetected(victim, put(0, extra), `${extra.length} bytes added at the start`)
      }
      await expectDetected(victim, put(bytes.length, bytes), "given twice")
    }
  })

  it("by cutting out or repeating any part", async () => {
    const victim = fc.constantFrom(...victims)
    await check(
      fc.asyncProperty(victim, fc.nat(), fc.nat(), fc.boolean(), async (chosen, from, to, repeat) => {
        const { bytes } = chosen.stored.record
        const [start, end] = [from % bytes.length, to % bytes.length].sort((a, b) => a - b)
        fc.pre(start !== end)
        const parts = repeat
          ? [bytes.subarray(0, end), bytes.subarray(start)]
          : [bytes.subarray(0, start), bytes.subarray(end)]
        await expectDetected(chosen, Buffer.concat(parts), `${repeat ? "repeated" : "without"} ${start} to ${end}`)
      }),
      100,
    )
  })
})

describe("attack 7: the version or suite byte is lowered or raised", () => {
  it("to any other value: refused as a format that is not known, not tried with another algorithm", async () => {
    const values = slow ? Array.from({ length: 256 }, (_, value) => value) : [0, 1, 2, 0x7f, 0x80, 0xff]
    let refused = 0
    for (const victim of victims) {
      const { bytes } = victim.stored.record
      for (const at of [0, 1]) {
        for (const value of values.filter((value) => value !== bytes[at])) {
          for (const outcome of Object.values(await outcomesWith(victim, bytes.with(at, value)))) {
            const code = "error" in outcome ? outcome.error.code : outcome
            expect(code, `${nameOf(victim.stored)} with ${value} at ${at}`).toBe("FORMAT_UNSUPPORTED")
            refused++
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(victims.length * 2 * (values.length - 1))
  })
})
