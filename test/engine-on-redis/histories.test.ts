import { describeOnServer } from "../../packages/adapter-redis/test/support/available.ts"
import { allOrNothing } from "../../packages/adapter-testkit/test/engine/all-or-nothing.ts"
import { singleFaults } from "../../packages/adapter-testkit/test/engine/single-faults.ts"
import { unknownOutcomes } from "../../packages/adapter-testkit/test/engine/unknown-outcomes.ts"
import { hiddenEnvironments } from "../../packages/core/test/properties/hidden-environments.ts"
import { kills } from "../../packages/core/test/properties/kills.ts"
import { permissions } from "../../packages/core/test/properties/permissions.ts"
import { processes } from "../../packages/core/test/properties/processes.ts"
import { races } from "../../packages/core/test/properties/races.ts"
import { roundTrip } from "../../packages/core/test/properties/round-trip.ts"
import { redisBackend } from "./redis-backend.ts"

describeOnServer("the engine", () => {
  const redis = redisBackend(0.05)
  // Every kind of fault must have happened, and few runs would miss one.
  unknownOutcomes({ ...redis, share: 0.2 })
  races(redis)
  allOrNothing(redis)
  roundTrip(redis)
  permissions(redis)
  hiddenEnvironments(redis)
  singleFaults(redis)
  processes(redis)
  kills(redis)
})
