import { memory } from "../../../core/test/support/backend.ts"
import { unknownOutcomes } from "./unknown-outcomes.ts"

unknownOutcomes(memory)
