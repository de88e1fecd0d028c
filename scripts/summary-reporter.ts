import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node"

/**
 * Ends a run with what was skipped and why, then with `N passed, N failed, N skipped` alone on the last line.
 * A run in which no test ran fails.
 *
 * A reason is a test's `context.skip("reason")`, or words in the name of a `describe.skipIf(…)`. A reason that several
 * files give is told once.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    // A file that fails to load, a failing hook and an unhandled error fail the run without a failed test of their own.
    const withoutTest = modules.filter((module) => !module.ok() && ![...module.children.allTests("failed")].length)
    const passed = count("passed")
    const failed = count("failed") + withoutTest.length + unhandled.length

    const skipped = new Set(describeSkipped(tests.filter((test) => test.result().state === "skipped")))
    if (passed + failed === 0) process.exitCode = 1
    // The default reporter prints its own summary at the same time; this comes after it.
    process.once("exit", () => {
      for (const line of skipped) console.log(`skipped: ${line}`)
      console.log(`${passed} passed, ${failed} failed, ${count("skipped")} skipped`)
    })
  }
}

const noteOf = (test: TestCase): string | undefined => {
  const result = test.result()
  return result.state === "skipped" ? result.note : undefined
}

const describeSkipped = (tests: readonly TestCase[]): string[] =>
  [...Map.groupBy(tests, noteOf)].flatMap(([note, alike]) => {
    const files = new Set(alike.map((test) => test.module.relativeModuleId))
    return note === undefined || files.size === 1
      ? alike.map((test) => nameOf(test, note))
      : [`${note} (${[...files].join(", ")})`]
  })

/** A suite that is skipped as a whole is named once. */
const nameOf = (test: TestCase, note: string | undefined): string => {
  let named: TestCase | TestSuite = test
  while (named.parent.type === "suite" && named.parent.state() === "skipped" && note === undefined) named = named.parent
  return `${test.module.relativeModuleId}: ${named.fullName}${note === undefined ? "" : ` (${note})`}`
}
