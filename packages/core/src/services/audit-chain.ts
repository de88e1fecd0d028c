import { lengthPrefixed, toBase64Url } from "../crypto/bytes.ts"
import { hmacSha256 } from "../crypto/data-key.ts"
import { utf8 } from "../domain/text.ts"
import type * as schemas from "../records/schemas.ts"

/** What an operation says about itself; the chain adds the rest. */
export interface AuditEvent {
  readonly action: string
  readonly subject: Readonly<Record<string, string | readonly string[]>>
}

export interface Actor {
  readonly principal: string
  readonly token: string | null
}

type AuditMetadata = typeof schemas.Audit.Type

/** An entry that is about to be committed. */
export interface ChainedEntry {
  /** UTF-8 of the entry's JSON. */
  readonly metadata: Uint8Array
  /**
   * Tells the chain that the entry's commit was refused for good, so that a later entry can vouch for the gap; or that
   * nobody knows, and what the entry vouched for has to be said again.
   */
  readonly settle: (outcome: "refused" | "unknown") => void
}

/** Consecutive refused entries: the link of the last and what the first carried as `previous`. */
export type RefusedRange = AuditMetadata["refused"][number]

/** An entry vouches for at most about so many ranges; a chain with more gaps ends, and another begins. */
const rangesCarried = 64

/** In order, with neighbours joined and repetitions gone. */
const joined = (ranges: readonly RefusedRange[]): readonly RefusedRange[] => {
  const result: RefusedRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = result.at(-1)
    if (before === undefined || range.first > before.last + 1) result.push(range)
    else if (range.last > before.last) result.splice(-1, 1, { ...before, last: range.last, link: range.link })
  }
  return result
}

/**
 * The keyed hash chain that this engine instance (the writer) keeps for one workspace. Every entry carries the keyed
 * hash of the one before; since commits run side by side, an entry's predecessor may end up refused, and then a later
 * entry vouches for the gap. An entry that is neither there nor vouched for was removed (or its outcome was never known).
 */
export class AuditChain {
  readonly #newWriter: () => string
  #writer: string
  #sequence = 0
  #link = ""
  #refused: readonly RefusedRange[] = []

  constructor(newWriter: () => string) {
    this.#newWriter = newWriter
    this.#writer = newWriter()
  }

  /** `key`: the workspace's chain key; `id`: the entry's leaf. */
  next(key: Uint8Array, id: string, at: number, actor: Actor, event: AuditEvent): ChainedEntry {
    if (this.#refused.length > rangesCarried) this.#beginAnew()
    const sequence = ++this.#sequence
    const writer = this.#writer
    const previous = this.#link
    const refused = this.#refused
    this.#refused = []
    const entry: AuditMetadata = {
      v: 1,
      at,
      action: event.action,
      principal: actor.principal,
      token: actor.token,
      subject: event.subject,
      writer,
      sequence,
      previous,
      refused,
    }
    const metadata = utf8(JSON.stringify(entry))
    const link = chainLink(key, id, metadata)
    this.#link = link
    return {
      metadata,
      settle: (outcome) => {
        if (writer !== this.#writer) return
        const own = outcome === "refused" ? [{ first: sequence, last: sequence, link, previous }] : []
        this.#refused = joined([...this.#refused, ...refused, ...own])
      },
    }
  }

  #beginAnew(): void {
    this.#writer = this.#newWriter()
    this.#sequence = 0
    this.#link = ""
    this.#refused = []
  }
}

/** What the next entry carries as `previous`: HMAC-SHA256(chain key, id and metadata, length-prefixed), base64url. */
export const chainLink = (key: Uint8Array, id: string, metadata: Uint8Array): string =>
  toBase64Url(hmacSha256(key, lengthPrefixed(id, metadata)))
