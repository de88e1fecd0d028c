import { memory } from "../../../core/test/support/backend.ts"
import { singleFaults } from "./single-faults.ts"

singleFaults(memory)
