export type { Authenticate } from "./authenticate.ts"
export { type SecretsRouterOptions, secretsRouter } from "./router.ts"
