import { fields, type NewVaultSecret, type Vault, type VaultSecret, type VaultSecretChanges } from "@strongroom/core"
import { Schema } from "effect"
import { RequestError } from "../errors.ts"

const { decodeInput } = fields

const decodeBody = decodeInput(
  Schema.Struct({
    env_key: fields.EnvKey,
    value: fields.NonEmptySecretText,
    allowed_domains: Schema.optionalKey(Schema.Array(Schema.String)),
  }),
)

const decodePatch = decodeInput(
  Schema.Struct({
    value: Schema.optionalKey(fields.NonEmptySecretText),
    allowed_domains: Schema.optionalKey(Schema.Array(Schema.String)),
  }),
)

const lacksValue = (body: unknown): boolean =>
  typeof body === "object" && body !== null && (!("value" in body) || body.value === "")

/** Extra fields are dropped. The patterns of `allowed_domains` are the engine's to check. */
export const decodeCreate = (body: unknown): NewVaultSecret => {
  // The documentation gives this text for a value that is missing or empty, whatever else is wrong.
  if (lacksValue(body)) throw new RequestError(400, "value cannot be empty")
  const { env_key: envKey, value, allowed_domains: allowedDomains } = decodeBody(body)
  return { envKey, value, ...(allowedDomains && { allowedDomains }) }
}

/** Extra fields are dropped, `env_key` among them: it cannot change. */
export const decodeChanges = (body: unknown): VaultSecretChanges => {
  if (typeof body === "object" && body !== null && "value" in body && body.value === "") {
    throw new RequestError(400, "value cannot be empty")
  }
  const { value, allowed_domains: allowedDomains } = decodePatch(body)
  return { ...(value && { value }), ...(allowedDomains && { allowedDomains }) }
}

const decodeParams = decodeInput(Schema.Struct({ vault_id: fields.VaultId }))

export const decodeVaultId = (params: unknown): string => decodeParams(params).vault_id

const decodeBothParams = decodeInput(Schema.Struct({ vault_id: fields.VaultId, secret_id: fields.VaultSecretId }))

export const decodeSecretIds = (params: unknown): { readonly vault: string; readonly secret: string } => {
  const { vault_id: vault, secret_id: secret } = decodeBothParams(params)
  return { vault, secret }
}

/** Milliseconds are always 000: the API cuts its times to whole seconds. */
const wholeSeconds = (time: Date): string => new Date(Math.floor(time.getTime() / 1000) * 1000).toISOString()

export const secretObject = ({ id, envKey, allowedDomains, createdAt, updatedAt }: VaultSecret) => ({
  id,
  env_key: envKey,
  allowed_domains: allowedDomains,
  created_at: wholeSeconds(createdAt),
  updated_at: wholeSeconds(updatedAt),
})

export const vaultObject = ({ id, name, description, secretCount, createdAt, updatedAt }: Vault) => ({
  id,
  name,
  description,
  secret_count: secretCount,
  created_at: wholeSeconds(createdAt),
  updated_at: wholeSeconds(updatedAt),
})
