import { allOrNothing } from "../../packages/adapter-testkit/test/engine/all-or-nothing.ts"
import { singleFaults } from "../../packages/adapter-testkit/test/engine/single-faults.ts"
import { hiddenEnvironments } from "../../packages/core/test/properties/hidden-environments.ts"
import { kills } from "../../packages/core/test/properties/kills.ts"
import { permissions } from "../../packages/core/test/properties/permissions.ts"
import { processes } from "../../packages/core/test/properties/processes.ts"
import { roundTrip } from "../../packages/core/test/properties/round-trip.ts"
import { lmdb } from "./lmdb-backend.ts"

allOrNothing(lmdb)
roundTrip(lmdb)
permissions(lmdb)
hiddenEnvironments(lmdb)
singleFaults(lmdb)
processes(lmdb)
kills(lmdb)
