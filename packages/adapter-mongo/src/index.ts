export { type MongoOptions, mongoStorage } from "./mongo-storage.ts"
