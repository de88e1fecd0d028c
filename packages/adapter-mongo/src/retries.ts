import { setTimeout as sleep } from "node:timers/promises"

const longestPauseMs = 250
const patienceMs = 30_000

/** How often a call is tried again is bounded by a count where it is used, and by time here. */
export class Retries {
  readonly #until = performance.now() + patienceMs
  #tries = 1

  /** Whether to try again, at most `limit` times in all; resolves after a pause when it is so. */
  async again(limit: number): Promise<boolean> {
    if (this.#tries >= limit || performance.now() > this.#until) return false
    this.#tries++
    // Random, so that those who met once do not meet again.
    await sleep(Math.random() * Math.min(longestPauseMs, 2 ** this.#tries))
    return true
  }
}
