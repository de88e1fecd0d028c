export { type ForwardRouterOptions, forwardRouter } from "./forward/router.ts"
