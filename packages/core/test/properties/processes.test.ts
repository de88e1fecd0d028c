import { memory } from "../support/backend.ts"
import { processes } from "./processes.ts"

processes(memory)
