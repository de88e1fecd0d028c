/**
 * Keys that are erased once they are retired and nobody uses them any more. A lease is held across the awaits of one
 * operation; code that runs without an await needs none.
 */
export class Leased<K extends { erase(): void }> {
  readonly keys: K
  #leases = 0
  #retired = false

  constructor(keys: K) {
    this.keys = keys
  }

  /** `false` when the keys are retired, and perhaps erased. */
  take(): boolean {
    if (this.#retired) return false
    this.#leases++
    return true
  }

  giveBack(): void {
    this.#leases--
    this.#eraseIfDone()
  }

  /** No new lease will be taken. */
  retire(): void {
    this.#retired = true
    this.#eraseIfDone()
  }

  #eraseIfDone(): void {
    if (this.#retired && this.#leases === 0) this.keys.erase()
  }
}
