import type { Redacted } from "effect"
import { erase } from "../crypto/bytes.ts"
import type { DataKeys } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"
import { redact } from "../domain/fields.ts"
import { fromUtf8 } from "../domain/text.ts"
import type { Cipher } from "../ports/cipher.ts"
import type { Address, StoredRecord } from "../ports/storage.ts"
import { type KeysetBody, keysetOf } from "../records/keyset.ts"
import { layout, type Ref, readMetadata } from "../records/layout.ts"
import { type Body, nameOf, openRecord, type Place } from "../records/sealed-record.ts"
import type { OpenKeyset } from "./keyring.ts"

const keyOf = (address: Address): string => `${address.collection}/${address.leaf}`

export interface SnapshotSource {
  readonly partition: string
  readonly cipher: Cipher
  readonly metadataKeys: DataKeys
  readonly unlock: (place: Place, floor: number, record: StoredRecord, open: () => KeysetBody) => OpenKeyset
  /** By compartment, taken before the records were read. */
  readonly floors: ReadonlyMap<string, number>
}

/** Records that were read together. Each is opened when it is asked for, and must be what its address says. */
export class Snapshot {
  readonly #source: SnapshotSource
  readonly #records = new Map<string, StoredRecord | undefined>()

  constructor(source: SnapshotSource, addresses: readonly Address[], records: readonly (StoredRecord | undefined)[]) {
    this.#source = source
    addresses.forEach((address, index) => {
      this.#records.set(keyOf(address), records[index])
    })
  }

  /** The record's metadata, or `undefined` when there is no record. Throws `INTEGRITY` for one that does not open. */
  get<A>(ref: Ref<A>): A | undefined {
    const record = this.#record(ref)
    return record === undefined ? undefined : this.#open(ref, record, this.#source.metadataKeys).metadata
  }

  /** The revision that a check of this record must name; `undefined` for absence. */
  revision(address: Address): string | undefined {
    return this.#record(address)?.revision
  }

  /** A record that is sealed by its compartment's key: metadata and the value's raw bytes, which the caller erases. */
  value<A>(ref: Ref<A>, keys: DataKeys): { readonly metadata: A; readonly value: Uint8Array } | undefined {
    const record = this.#record(ref)
    return record === undefined ? undefined : this.#open(ref, record, keys)
  }

  /** The same with the value as redacted text. */
  text<A>(
    ref: Ref<A>,
    keys: DataKeys,
  ): { readonly metadata: A; readonly value: Redacted.Redacted<string> } | undefined {
    const opened = this.value(ref, keys)
    return opened === undefined ? undefined : { metadata: opened.metadata, value: this.decode(ref, opened.value) }
  }

  /** What `value` gave, as redacted text; erases the bytes. Throws `INTEGRITY` for what is not UTF-8. */
  decode(address: Address, value: Uint8Array): Redacted.Redacted<string> {
    try {
      return redact(fromUtf8(value))
    } catch {
      const record = nameOf({ partition: this.#source.partition, ...address })
      throw new StrongroomError("INTEGRITY", `record ${record} holds a value that is not UTF-8`, { record })
    } finally {
      erase(value)
    }
  }

  /** The compartment's data keys; throws `KEYSET_MISSING` when its owner exists and they do not. */
  keyset(compartment: string): OpenKeyset {
    const { unlock, floors } = this.#source
    const ref = layout.keyset(compartment)
    const record = this.#keysetRecord(ref)
    return unlock(this.#place(ref, record), floors.get(compartment) ?? 0, record, () => this.#keysetBody(compartment))
  }

  /** The keyset as stored, with its secrets, for whoever rewrites it. Throws like `keyset`. */
  keysetBody(compartment: string): KeysetBody {
    // Rewriting a keyset that was rolled back would make it the newest.
    this.keyset(compartment)
    return this.#keysetBody(compartment)
  }

  #keysetBody(compartment: string): KeysetBody {
    const ref = layout.keyset(compartment)
    const { metadata, value } = this.#open(ref, this.#keysetRecord(ref), this.#source.metadataKeys)
    return keysetOf(nameOf({ partition: this.#source.partition, ...ref }), compartment, { metadata, secrets: value })
  }

  #keysetRecord(ref: Address): StoredRecord {
    const record = this.#record(ref)
    if (record !== undefined) return record
    const name = nameOf({ partition: this.#source.partition, ...ref })
    throw new StrongroomError("KEYSET_MISSING", `record ${name} is missing, but its owner exists`, { record: name })
  }

  #record(address: Address): StoredRecord | undefined {
    const key = keyOf(address)
    if (!this.#records.has(key)) throw new Error(`${key} is not part of this snapshot`)
    return this.#records.get(key)
  }

  #place(address: Address, record: StoredRecord): Place {
    return {
      partition: this.#source.partition,
      collection: address.collection,
      leaf: address.leaf,
      revision: record.revision,
    }
  }

  #open<A>(ref: Ref<A>, record: StoredRecord, keys: DataKeys): { readonly metadata: A; readonly value: Uint8Array } {
    const place = this.#place(ref, record)
    const body: Body = openRecord(this.#source.cipher, keys, place, record.bytes)
    return { metadata: readMetadata(ref, place, body.metadata), value: body.value }
  }
}
