import fc from "fast-check"

/**
 * Every run draws the same examples, so that a run can be repeated and an assertion about what was met cannot fail by
 * chance. STRONGROOM_SEED picks others (a number, or `random`); the slow variants draw new ones each time.
 */
const { STRONGROOM_SEED: chosen, STRONGROOM_SLOW: slow } = process.env
const random = chosen === "random" || (chosen === undefined && slow === "1")
if (!random) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(chosen ?? 20261121) })
