import { type CreateSecrets, fields, reveal, type Secret } from "@strongroom/core"
import { Schema } from "effect"
import { RequestError } from "../errors.ts"

const { decodeInput } = fields

const notEmpty = Schema.makeFilter((items: readonly unknown[]) => items.length > 0 || "must not be empty")

const decodeBody = decodeInput(
  Schema.Struct({
    environments: Schema.Array(fields.EnvironmentId).check(notEmpty),
    secrets: Schema.Array(
      Schema.Struct({
        key: fields.SecretName,
        value: fields.SecretText,
        note: Schema.optionalKey(fields.Note),
        type: fields.SecretType,
        dataType: fields.DataType,
      }),
    ).check(notEmpty),
  }),
)

/** Extra fields are dropped. Duplicates and values of `dataType` json are the engine's to check. */
export const decodeCreate = (body: unknown): Pick<CreateSecrets, "environments" | "secrets"> => {
  const { environments, secrets } = decodeBody(body)
  return { environments, secrets: secrets.map(({ key, ...secret }) => ({ ...secret, name: key })) }
}

const decodeIds = decodeInput(Schema.Struct({ ws: fields.SlugOrId, prj: fields.SlugOrId }))

export const decodeProject = (params: unknown): { readonly workspace: string; readonly project: string } => {
  const { ws, prj } = decodeIds(params)
  return { workspace: ws, project: prj }
}

export const decodeName = decodeInput(Schema.Struct({ name: fields.SecretName }))

const decodeEnvironmentId = decodeInput(Schema.Struct({ environmentId: fields.EnvironmentId }))

/** The SDKs spell it `environmentId`, the CLI `environment_id`. Not `req.query`, which follows the application's settings. */
export const decodeEnvironment = (url: string): { readonly environment?: string } => {
  const query = new URLSearchParams(url.replace(/^[^?]*/, ""))
  const spellings = [query.getAll("environmentId"), query.getAll("environment_id")]
  if (spellings.some((given) => given.length > 1)) throw new RequestError(400, "environmentId: must be given once")
  const [id, other = id] = spellings
    .flat()
    .map((environmentId) => decodeEnvironmentId({ environmentId }).environmentId.toLowerCase())
  if (id !== other) throw new RequestError(400, "environmentId: must agree with environment_id")
  return id === undefined ? {} : { environment: id }
}

export const secretObject = ({ id, name, note, type, dataType, values, createdAt, updatedAt }: Secret) => ({
  id,
  name,
  note,
  type,
  dataType,
  values: values.map(({ environment, value, personal }) => ({
    environmentId: environment,
    value: reveal(value),
    isPersonal: personal,
  })),
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
})
