import { memory } from "../support/backend.ts"
import { singleFaults } from "./single-faults.ts"

singleFaults(memory)
