import { fromBase64Url, toBase64Url } from "../crypto/bytes.ts"
import { commitsTo, type DataKey, keyLength } from "../crypto/data-key.ts"
import { StrongroomError } from "../domain/errors.ts"

/** How a record keeps data keys: commitments in its metadata, the secrets (32 bytes each, in the same order) as value bytes. */
export interface CommittedKey {
  readonly commitment: string
  readonly createdAt: number
}

export const committedKey = (key: DataKey, now: number): CommittedKey => ({
  commitment: toBase64Url(key.commitment),
  createdAt: now,
})

export const secretAt = (secrets: Uint8Array, index: number): Uint8Array =>
  secrets.subarray(index * keyLength, (index + 1) * keyLength)

/** Derives each key and compares it with its commitment; throws `INTEGRITY` naming the record. */
export const unlockKeys = (
  record: string,
  entries: readonly CommittedKey[],
  secrets: Uint8Array,
  toKey: (secret: Uint8Array) => DataKey,
): readonly DataKey[] =>
  entries.map(({ commitment }, index) => {
    const key = toKey(secretAt(secrets, index))
    if (commitsTo(key, fromBase64Url(commitment))) return key
    throw new StrongroomError("INTEGRITY", `record ${record} holds a key that is not the one it commits to`, { record })
  })
