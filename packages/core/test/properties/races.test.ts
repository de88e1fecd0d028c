import { memory } from "../support/backend.ts"
import { races } from "./races.ts"

races(memory)
