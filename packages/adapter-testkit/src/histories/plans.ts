import type { Address, ListOptions } from "@strongroom/core"
import fc from "fast-check"

/**
 * Which revision a check expects.
 *
 * - `latest`: the one that somebody has last heard of
 * - `stale`: the one before it
 * - `pending`: that of the last commit sent to the address, which may not have replied
 * - `never`: one that no commit has
 * - `absent`: none
 */
export type Expected = "latest" | "stale" | "pending" | "never" | "absent"

/** What a commit does at an address, if anything. */
export interface Touch {
  readonly address: Address
  readonly expected: Expected | undefined
  readonly write: "put" | "delete" | undefined
}

/** What a client does next, after it has let the event loop turn `pause` times. */
export type Step = { readonly pause: number } & (
  | { readonly kind: "read"; readonly addresses: readonly Address[] }
  | { readonly kind: "list"; readonly collection: string; readonly options: ListOptions }
  | { readonly kind: "commit"; readonly touches: readonly Touch[] }
)

/** What several clients do, each one step after the other, and all at the same time. */
export interface Plan {
  /** Addresses that hold a record before the clients start. */
  readonly initial: readonly Address[]
  readonly clients: readonly (readonly Step[])[]
}

/** Few, for many collisions. Their byte order is no alphabetical order, and one collection's name begins the other's. */
export const addresses: readonly Address[] = [
  { collection: "c", leaf: "a" },
  { collection: "c", leaf: "B" },
  { collection: "c", leaf: "_" },
  { collection: "c-", leaf: "a" },
]

const some = fc.subarray([...addresses], { minLength: 1 })
const pause = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
)

const expected: fc.Arbitrary<Expected | undefined> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 6, arbitrary: fc.constant("latest") },
  { weight: 3, arbitrary: fc.constantFrom("stale", "pending", "never", "absent") },
)

const touch = (address: Address): fc.Arbitrary<Touch | undefined> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    {
      weight: 3,
      arbitrary: fc.record({ address: fc.constant(address), expected, write: fc.constant("put" as const) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ address: fc.constant(address), expected, write: fc.constant("delete" as const) }),
    },
    // A check alone, which must be as strong as a write.
    { weight: 3, arbitrary: fc.constant<Touch>({ address, expected: "latest", write: undefined }) },
  )

const touches = fc
  .tuple(...addresses.map(touch))
  .map((list) => list.filter((one) => one !== undefined))
  .filter((list) => list.some(({ write }) => write !== undefined))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("read" as const), pause, addresses: some }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("list" as const),
      pause,
      collection: fc.constantFrom("c", "c-"),
      options: fc.record({ limit: fc.integer({ min: 1, max: 3 }), maxBytes: fc.constantFrom(1_000_000, 1) }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("commit" as const), pause, touches }) },
)

/** Plans of 2 to 4 clients with up to 5 steps each. */
export const plans: fc.Arbitrary<Plan> = fc.record({
  initial: fc.subarray([...addresses]),
  clients: fc.array(fc.array(step, { minLength: 1, maxLength: 8, size: "max" }), { minLength: 2, maxLength: 4 }),
})
