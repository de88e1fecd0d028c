import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { expect, it } from "vitest"
import { clauses } from "../src/clauses/all.ts"

/** Ends with the runner's own counts, such as `# pass 50`. */
const runNodeTest = async (file: string): Promise<{ code: unknown; stdout: string }> => {
  // With this variable of an outer `node --test`, an inner one would report in another form.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const path = join(import.meta.dirname, "support", file)
  const child = spawn(process.execPath, ["--test", "--test-reporter=tap", path], { env })
  let stdout = ""
  child.stdout.on("data", (text) => (stdout += text))
  const [code] = await once(child, "close")
  return { code, stdout }
}

it("runs under node:test too: memory and LMDB keep every clause that is theirs", async () => {
  const { code, stdout } = await runNodeTest("node-runner.ts")
  expect(code, stdout).toBe(0)
  const skipped = clauses.filter(({ needs }) => needs !== undefined).length
  expect(stdout).toContain(`storage adapter memory: ${clauses.length - skipped} ran, ${skipped} skipped`)
  expect(stdout).toContain(`storage adapter lmdb: ${clauses.length} ran, 0 skipped`)
  expect(stdout).toMatch(new RegExp(`^# skipped ${skipped}$`, "m"))
  expect(stdout).toMatch(new RegExp(`^# pass ${clauses.length * 2 - skipped}$`, "m"))
  for (const { id } of clauses) expect(stdout.split(`ok `).filter((line) => line.includes(`- ${id}: `))).toHaveLength(2)
}, 120_000)
