import type { Api, Operation } from "../api.ts"
import { enkryptifyErrors } from "./errors.ts"
import { decodeCreate, decodeEnvironment, decodeName, decodeProject, secretObject } from "./wire.ts"

const createSecrets: Operation = async ({ strongroom, principal, req, readBody }) => {
  const project = decodeProject(req.params)
  await strongroom.secrets.create(principal, { ...project, ...decodeCreate(await readBody()) })
  return { status: 200, body: { success: true } }
}

const listSecrets: Operation = async ({ strongroom, principal, req }) => {
  const input = { ...decodeProject(req.params), ...decodeEnvironment(req.url) }
  const secrets = await strongroom.secrets.list(principal, input)
  return { status: 200, body: secrets.map(secretObject) }
}

const getSecret: Operation = async ({ strongroom, principal, req }) => {
  const input = { ...decodeProject(req.params), ...decodeName(req.params), ...decodeEnvironment(req.url) }
  return { status: 200, body: secretObject(await strongroom.secrets.get(principal, input)) }
}

const listEnvironments: Operation = async ({ strongroom, principal, req }) => {
  const environments = await strongroom.environments.list(principal, decodeProject(req.params))
  return { status: 200, body: environments.map(({ id, name }) => ({ id, name })) }
}

const project = "v1/workspace/:ws/project/:prj"

export const enkryptify: Api = {
  endpoints: [
    { path: `${project}/secret`, GET: listSecrets, POST: createSecrets },
    { path: `${project}/secret/:name`, GET: getSecret },
    { path: `${project}/environment`, GET: listEnvironments },
  ],
  errors: enkryptifyErrors,
  errorBody: (message) => ({ message }),
}
