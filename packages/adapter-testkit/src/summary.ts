import type { ClauseResult } from "./clause.ts"

/** What a run of the clauses came to, for the author to read. */
export class Summary {
  readonly #name: string
  /** The ids of what was skipped, by the reason. */
  readonly #skipped = new Map<string, string[]>()
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
      if (result.status === "ran") this.#ran++
      else this.#skipped.set(result.reason, [...(this.#skipped.get(result.reason) ?? []), id])
      return result
    } catch (error) {
      this.#ran++
      this.#failed++
      throw error
    }
  }

  /** One line of counts, then one for each reason to skip and one for each exception that the adapter declares. */
  text(): string {
    const ids = [...this.#skipped.values()].flat()
    const counts = [
      `${this.#ran} ran`,
      ...(this.#failed > 0 ? [`${this.#failed} failed`] : []),
      `${ids.length} skipped`,
    ]
    const lines = [
      counts.join(", "),
      ...[...this.#skipped].map(([reason, skipped]) => `skipped, ${reason}: ${skipped.join(", ")}`),
      ...this.exceptions.map((exception) => `exception declared: ${exception}`),
    ]
    return lines.map((line) => `storage adapter ${this.#name}: ${line}\n`).join("")
  }
}
