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
  /** Tells the chain that the entry's commit was refused for good, so that the next entry can vouch for the gap. */
  readonly refused: () => void
}

/**
 * The keyed hash chain that this engine instance (the writer) keeps for one workspace. Every entry carries the keyed
 * hash of the one before; since commits run side by side, an entry's predecessor may end up refused, and then a later
 * entry names it, with the hash that it carried, so that the chain goes on through it. An entry that is neither there nor
 * named was removed (or its outcome was never known).
 */
export class AuditChain {
  readonly #writer: string
  #sequence = 0
  #link = ""
  #refused: AuditMetadata["refused"][number][] = []

  constructor(writer: string) {
    this.#writer = writer
  }

  /** `key`: the workspace's chain key; `id`: the entry's leaf. */
  next(key: Uint8Array, id: string, at: number, actor: Actor, event: AuditEvent): ChainedEntry {
    const sequence = ++this.#sequence
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
      writer: this.#writer,
      sequence,
      previous,
      refused,
    }
    const metadata = utf8(JSON.stringify(entry))
    const link = chainLink(key, id, metadata)
    this.#link = link
    return {
      metadata,
      refused: () => {
        this.#refused.push(...refused, { sequence, link, previous })
      },
    }
  }
}

/** What the next entry carries as `previous`: HMAC-SHA256(chain key, id and metadata, length-prefixed), base64url. */
export const chainLink = (key: Uint8Array, id: string, metadata: Uint8Array): string =>
  toBase64Url(hmacSha256(key, lengthPrefixed(id, metadata)))
