import { commonErrors, type ErrorTable, invalid, told } from "../errors.ts"

/** The engine's path of a field as this API's clients spell it. */
const wirePath = (path: string): string => path.replace(/^(secrets\[\d+\])\.name$/, "$1.key")

const notFound = told(404)
const conflict = told(409)

export const enkryptifyErrors: ErrorTable = {
  ...commonErrors,
  INVALID_INPUT: invalid(wirePath),
  INVALID_DOMAIN: invalid(wirePath),
  LIMIT_EXCEEDED: told(400),
  FORBIDDEN: told(403),
  WORKSPACE_NOT_FOUND: notFound,
  PROJECT_NOT_FOUND: notFound,
  ENVIRONMENT_NOT_FOUND: notFound,
  SECRET_NOT_FOUND: notFound,
  VAULT_NOT_FOUND: notFound,
  PRINCIPAL_NOT_FOUND: notFound,
  TOKEN_NOT_FOUND: notFound,
  SLUG_TAKEN: conflict,
  ENVIRONMENT_EXISTS: conflict,
  SECRET_EXISTS: conflict,
  SECRET_DIFFERS: conflict,
  VAULT_NOT_EMPTY: conflict,
  TOKEN_EXISTS: conflict,
}
