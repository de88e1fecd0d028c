import { join } from "node:path"
import { describe, expect, it, type TestContext } from "vitest"
import { run } from "./children/run.ts"
import { type Durability, durabilityOf, requireStrace, traced } from "./strace.ts"
import { temporaryDirectory } from "./temporary.ts"

const watch = async (context: TestContext, variant: string): Promise<Durability> => {
  requireStrace(context)
  const directory = temporaryDirectory()
  const log = join(directory, "strace.log")
  const ended = await run("acknowledge", [directory, variant], ["strace", "-f", "-o", log, "-e", `trace=${traced}`])
  expect(ended).toMatchObject({ code: 0, stdout: "BEGIN\nACKNOWLEDGED\n" })
  return durabilityOf(log)
}

// A kill proves nothing here: what was written survives the process in the kernel's cache. A power cut is what counts.
describe("an acknowledged commit (needs strace)", () => {
  it("is on the disk", async (context) => {
    expect(await watch(context, "one")).toMatchObject({ durable: true, syncs: 1 })
  })

  it("shares its sync with those that wait at the same time", async (context) => {
    expect(await watch(context, "group")).toMatchObject({ durable: true, syncs: 1 })
  })

  // Without the bound, a full disk at the wrong moment ends the process (see groupPages).
  it("shares it with no more than fit into one transaction", async (context) => {
    expect(await watch(context, "large")).toMatchObject({ durable: true, syncs: 4 })
  })

  for (const variant of ["noSync", "noMetaSync", "doesNotWait"]) {
    it(`is not when the store cheats, and that is noticed: ${variant}`, async (context) => {
      expect(await watch(context, variant)).toMatchObject({ durable: false })
    })
  }
})
