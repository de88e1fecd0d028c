import type { Api, Operation } from "../api.ts"
import { nairiErrors } from "./errors.ts"
import { decodeChanges, decodeCreate, decodeSecretIds, decodeVaultId, secretObject, vaultObject } from "./wire.ts"

const createSecret: Operation = async ({ strongroom, principal, req, readBody }) => {
  const vault = decodeVaultId(req.params)
  const secret = await strongroom.vaults.secrets.create(principal, vault, decodeCreate(await readBody()))
  return { status: 201, body: secretObject(secret) }
}

const listSecrets: Operation = async ({ strongroom, principal, req }) => {
  const secrets = await strongroom.vaults.secrets.list(principal, decodeVaultId(req.params))
  return { status: 200, body: secrets.map(secretObject) }
}

const updateSecret: Operation = async ({ strongroom, principal, req, readBody }) => {
  const { vault, secret } = decodeSecretIds(req.params)
  const changes = decodeChanges(await readBody())
  return { status: 200, body: secretObject(await strongroom.vaults.secrets.update(principal, vault, secret, changes)) }
}

const removeSecret: Operation = async ({ strongroom, principal, req }) => {
  const { vault, secret } = decodeSecretIds(req.params)
  await strongroom.vaults.secrets.remove(principal, vault, secret)
  return { status: 204 }
}

const listVaults: Operation = async ({ strongroom, principal }) => ({
  status: 200,
  body: (await strongroom.vaults.list(principal)).map(vaultObject),
})

const vaults = "api/public/v1/vaults"

export const nairi: Api = {
  endpoints: [
    { path: vaults, GET: listVaults },
    { path: `${vaults}/:vault_id/secrets`, GET: listSecrets, POST: createSecret },
    { path: `${vaults}/:vault_id/secrets/:secret_id`, PATCH: updateSecret, DELETE: removeSecret },
  ],
  errors: nairiErrors,
  errorBody: (error) => ({ error }),
}
