/** How many operations are under way at once in a concurrent comparison. */
export const writers = 64

/** After so many creates V8 has optimised them, for comparisons whose own are few. */
export const warmUpCreates = 10_000

export type Operation = () => Promise<unknown>

/** Calls `operation` so often, at most `writers` at a time. */
export const atOnce = async (operations: number, operation: Operation): Promise<void> => {
  let left = operations
  const lane = async () => {
    while (left-- > 0) await operation()
  }
  await Promise.all(Array.from({ length: Math.min(writers, operations) }, lane))
}

export const inTurn = async (operations: number, operation: Operation): Promise<void> => {
  for (let count = 0; count < operations; count++) await operation()
}

/** Names that have not been used before. */
export const fresh = (prefix: string): (() => string) => {
  let next = 0
  return () => `${prefix}${next++}`
}
