import { memory } from "../support/backend.ts"
import { allOrNothing } from "./all-or-nothing.ts"

allOrNothing(memory)
