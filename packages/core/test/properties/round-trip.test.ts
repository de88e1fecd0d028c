import { memory } from "../support/backend.ts"
import { roundTrip } from "./round-trip.ts"

roundTrip(memory)
