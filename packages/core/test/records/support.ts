import fc from "fast-check"
import { dataKey } from "../../src/crypto/data-key.ts"
import { isStrongroomError } from "../../src/domain/errors.ts"
import type { Place } from "../../src/records/sealed-record.ts"

export const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)

export const testKey = (seed: number) => dataKey(filled(seed), "strongroom/test")

export const place: Place = {
  partition: "0a4be2cf-63ce-4d5a-8a0b-7d1f6b7f4c11",
  collection: "env",
  leaf: "6f1c1d6e-2f0b-4b6e-9a38-1d9f0e9b7c55",
  revision: "01KDVQ5Z3MABCDEFGHJKMNPQRS",
}
export const recordName = `${place.partition}/${place.collection}/${place.leaf}`

const letters = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength })
const part = letters("abAB01_.~-", 8)
/** Few different ones, so that places that share parts come up. */
export const anyPlace: fc.Arbitrary<Place> = fc.record({
  partition: part,
  collection: part,
  leaf: part,
  revision: letters("01A", 3),
})

export const anyBody = fc.record({
  metadata: fc.uint8Array({ maxLength: 200 }),
  value: fc.uint8Array({ maxLength: 200 }),
})

export const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const changed = bytes.slice()
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return changed
}

/** The code that `run` fails with, after the name of the record that it names; anything but a StrongroomError is passed on. */
export const refusal = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (isStrongroomError(error)) return `${error.details["record"]}: ${error.code}`
    throw error
  }
  return "accepted"
}
