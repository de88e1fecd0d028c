/** The peer of the conformance kit. */
import { writePairs } from "@strongroom/adapter-testkit"
import { lmdbStorage } from "../../src/index.ts"

writePairs(lmdbStorage({ path: process.argv[2] ?? "" }))
