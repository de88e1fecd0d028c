import { memory } from "../support/backend.ts"
import { kills } from "./kills.ts"

kills(memory)
