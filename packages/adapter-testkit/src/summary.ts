import type { ClauseResult } from "./clause.ts"

/** What a run of the clauses came to, for the author to read. */
export class Summary {
  readonly #name: string
  readonly #skipped: string[] = []
  #ran = 0
  #failed = 0
  /** What the adapter declares; known when the first store has been made. */
  exceptions: readonly string[] = []

  constructor(name: string) {
    this.#name = name
  }

  async note(id: string, run: () => Promise<ClauseResult>): Promise<ClauseResult> {
    try {
      const result = await run()
      if (result.status === "skipped") this.#skipped.push(`${id} (${result.reason})`)
      else this.#ran++
      return result
    } catch (error) {
      this.#ran++
      this.#failed++
      throw error
    }
  }

  /** `lmdb: 61 ran, 4 skipped: <id> (<reason>), ...`, then a line for each declared exception. */
  text(): string {
    const counts = [`${this.#ran} ran`, ...(this.#failed > 0 ? [`${this.#failed} failed`] : [])]
    const skipped = `${this.#skipped.length} skipped${this.#skipped.map((line, i) => `${i === 0 ? ": " : ", "}${line}`).join("")}`
    const exceptions = this.exceptions.map((exception) => `${this.#name}, exception declared: ${exception}\n`)
    return `storage adapter ${this.#name}: ${[...counts, skipped].join(", ")}\n${exceptions.join("")}`
  }
}
