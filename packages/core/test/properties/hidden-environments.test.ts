import { memory } from "../support/backend.ts"
import { hiddenEnvironments } from "./hidden-environments.ts"

hiddenEnvironments(memory)
