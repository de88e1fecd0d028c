import { concat } from "../crypto/bytes.ts"
import { type DataKey, DataKeys, dataKey, keyLength } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"
import { committedKey, unlockKeys } from "./committed-keys.ts"
import type * as schemas from "./schemas.ts"

/** The data keys of a compartment (an environment or a vault) and the record that keeps them. */

export type KeysetMetadata = typeof schemas.Keyset.Type

/** What a keyset record holds: metadata, and the data keys as value bytes, 32 each. */
export interface KeysetBody {
  readonly metadata: KeysetMetadata
  readonly secrets: Uint8Array
}

const compartmentKey = (secret: Uint8Array, partition: string, compartment: string): DataKey =>
  dataKey(secret, "strongroom/v1/compartment-key", partition, compartment)

/** The first keyset of a new compartment. `secret`: 32 random bytes. */
export const newKeyset = (partition: string, compartment: string, secret: Uint8Array, now: number): KeysetBody => ({
  metadata: {
    v: 1,
    compartment,
    sequence: 1,
    closedAt: null,
    keys: [committedKey(compartmentKey(secret, partition, compartment), now)],
  },
  secrets: secret,
})

/** Adds a data key, which seals from now on. */
export const rotated = (keyset: KeysetBody, partition: string, secret: Uint8Array, now: number): KeysetBody => ({
  metadata: {
    ...keyset.metadata,
    sequence: keyset.metadata.sequence + 1,
    keys: [...keyset.metadata.keys, committedKey(compartmentKey(secret, partition, keyset.metadata.compartment), now)],
  },
  secrets: concat(keyset.secrets, secret),
})

/** Closes the compartment to writers at `closedAt`, or (`null`) opens it again. */
export const withClosedAt = (keyset: KeysetBody, closedAt: number | null): KeysetBody => ({
  metadata: { ...keyset.metadata, sequence: keyset.metadata.sequence + 1, closedAt },
  secrets: keyset.secrets,
})

/** The body, if it is this compartment's; else throws `INTEGRITY` naming the record. */
export const keysetOf = (record: string, compartment: string, body: KeysetBody): KeysetBody => {
  const { metadata, secrets } = body
  if (
    metadata.compartment === compartment &&
    metadata.keys.length > 0 &&
    secrets.length === metadata.keys.length * keyLength
  ) {
    return body
  }
  throw new StrongroomError("INTEGRITY", `record ${record} is not the keyset of ${compartment}`, { record })
}

/** Derives the keys and checks each against its commitment; throws `INTEGRITY` naming the record. */
export const unlockKeyset = (record: string, partition: string, compartment: string, body: KeysetBody): DataKeys => {
  const { metadata, secrets } = keysetOf(record, compartment, body)
  const toKey = (secret: Uint8Array): DataKey => compartmentKey(secret, partition, compartment)
  return new DataKeys(unlockKeys(record, metadata.keys, secrets, toKey))
}
