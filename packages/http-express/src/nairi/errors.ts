import { commonErrors, type ErrorTable, fixed, invalid, told } from "../errors.ts"

/** The engine's path of a field as this API's clients spell it. */
const wirePath = (path: string): string =>
  path.replace(/^envKey$/, "env_key").replace(/^allowedDomains(?=\[|$)/, "allowed_domains")

const notFound = told(404)
/** This API has no 409. */
const conflict = told(400)

export const nairiErrors: ErrorTable = {
  ...commonErrors,
  INVALID_INPUT: invalid(wirePath),
  INVALID_DOMAIN: invalid(wirePath),
  LIMIT_EXCEEDED: told(400),
  FORBIDDEN: told(403),
  WORKSPACE_NOT_FOUND: notFound,
  PROJECT_NOT_FOUND: notFound,
  ENVIRONMENT_NOT_FOUND: notFound,
  SECRET_NOT_FOUND: fixed(404, "secret not found"),
  VAULT_NOT_FOUND: fixed(404, "vault not found"),
  PRINCIPAL_NOT_FOUND: notFound,
  TOKEN_NOT_FOUND: notFound,
  SLUG_TAKEN: conflict,
  ENVIRONMENT_EXISTS: conflict,
  SECRET_EXISTS: fixed(400, "env_key already exists in this vault"),
  SECRET_DIFFERS: conflict,
  VAULT_NOT_EMPTY: conflict,
  TOKEN_EXISTS: conflict,
}
