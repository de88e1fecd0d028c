/** A map that forgets its least recently used entry when it is full. */
export class LruMap<V> {
  readonly #entries = new Map<string, V>()
  readonly #capacity: number
  readonly #forgotten: (value: V) => void

  constructor(capacity: number, forgotten: (value: V) => void = () => {}) {
    this.#capacity = capacity
    this.#forgotten = forgotten
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, value)
    }
    return value
  }

  set(key: string, value: V): void {
    this.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#capacity) {
      const oldest = this.#entries.keys().next()
      if (!oldest.done) this.delete(oldest.value)
    }
  }

  delete(key: string): void {
    const value = this.#entries.get(key)
    if (value === undefined) return
    this.#entries.delete(key)
    this.#forgotten(value)
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }
}
