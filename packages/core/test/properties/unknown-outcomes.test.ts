import { memory } from "../support/backend.ts"
import { unknownOutcomes } from "./unknown-outcomes.ts"

unknownOutcomes(memory)
