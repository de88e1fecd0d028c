export { mongoStorage } from "./mongo-storage.ts"
export type { MongoOptions } from "./options.ts"
