import { allOrNothing } from "../../packages/adapter-testkit/test/engine/all-or-nothing.ts"
import { singleFaults } from "../../packages/adapter-testkit/test/engine/single-faults.ts"
import { unknownOutcomes } from "../../packages/adapter-testkit/test/engine/unknown-outcomes.ts"
import { hiddenEnvironments } from "../../packages/core/test/properties/hidden-environments.ts"
import { kills } from "../../packages/core/test/properties/kills.ts"
import { permissions } from "../../packages/core/test/properties/permissions.ts"
import { processes } from "../../packages/core/test/properties/processes.ts"
import { races } from "../../packages/core/test/properties/races.ts"
import { roundTrip } from "../../packages/core/test/properties/round-trip.ts"
import { mongoBackend } from "./mongo-backend.ts"

const mongo = mongoBackend(0.03)
// Every kind of fault must have happened, and few runs would miss one.
unknownOutcomes({ ...mongo, share: 0.2 })
races(mongo)
allOrNothing(mongo)
roundTrip(mongo)
permissions(mongo)
hiddenEnvironments(mongo)
processes(mongo)
kills(mongo)
// Opens a store for each call that may fail: half a minute.
if (process.env["STRONGROOM_SLOW"] === "1") singleFaults(mongo)
