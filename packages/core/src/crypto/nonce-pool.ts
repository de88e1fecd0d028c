import { randomBytes } from "node:crypto"

const POOL_LENGTH = 4096

export interface NoncePool {
  /** `length` fresh random bytes (at least 1), in memory of their own. */
  take(length: number): Uint8Array
}

/**
 * Random bytes, drawn from the system 4 KiB at a time because a system call costs more than a nonce. What is taken is erased
 * from the pool and never given again.
 *
 * Limit: the pool is process memory. Of a virtual machine cloned while it runs, both copies hand out the same up to 4 KiB,
 * which under one key means reused nonces. Restart the process in the clone.
 *
 * @param random a cryptographic source (anything else is for tests); gives as many bytes as it is asked for
 */
export const noncePool = (random: (length: number) => Uint8Array = randomBytes): NoncePool => {
  let pool: Uint8Array = new Uint8Array(0)
  let used = 0

  const refill = (length: number) => {
    const drawn = random(length)
    if (drawn.length !== length) throw new Error(`the random source gave ${drawn.length} bytes instead of ${length}`)
    pool.fill(0)
    // Without Buffer's `slice`, which is a view and would be erased with the pool.
    pool = new Uint8Array(drawn.buffer, drawn.byteOffset, drawn.length)
    used = 0
  }

  return {
    take(length) {
      if (!Number.isSafeInteger(length) || length < 1) throw new RangeError("the length must be a positive integer")
      if (length > pool.length - used) refill(Math.max(length, POOL_LENGTH))
      const taken = pool.slice(used, used + length)
      pool.fill(0, used, used + length)
      used += length
      return taken
    },
  }
}
