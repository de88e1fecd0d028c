import { memory } from "../support/backend.ts"
import { permissions } from "./permissions.ts"

permissions(memory)
