import { races } from "../../packages/core/test/properties/races.ts"
import { unknownOutcomes } from "../../packages/core/test/properties/unknown-outcomes.ts"
import { lmdb } from "./lmdb-backend.ts"

unknownOutcomes(lmdb)
races(lmdb)
