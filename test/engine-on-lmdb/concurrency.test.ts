import { unknownOutcomes } from "../../packages/adapter-testkit/test/engine/unknown-outcomes.ts"
import { races } from "../../packages/core/test/properties/races.ts"
import { lmdb } from "./lmdb-backend.ts"

unknownOutcomes(lmdb)
races(lmdb)
