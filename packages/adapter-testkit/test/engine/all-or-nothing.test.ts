import { memory } from "../../../core/test/support/backend.ts"
import { allOrNothing } from "./all-or-nothing.ts"

allOrNothing(memory)
