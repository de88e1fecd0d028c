import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { localKeys, openStrongroom, reveal } from "@strongroom/core"
import fc from "fast-check"
import { afterEach, beforeEach, expect, it } from "vitest"
import { environmentsOf, host, rootKey, valuesPerBatch } from "./story.ts"

const rounds = 50
const writerFile = fileURLToPath(new URL("./writer.ts", import.meta.url))
const { seed = 0 } = fc.readConfigureGlobal()

let path = ""
const children = new Set<ChildProcess>()

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "strongroom-kill-"))
})

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
  await rm(path, { recursive: true, force: true })
})

/** A writing process and the names that it has acknowledged. */
const startWriter = (name: string) => {
  const child = spawn(process.execPath, [writerFile, path, name], { stdio: ["ignore", "pipe", "pipe"] })
  children.add(child)
  const acknowledged: string[] = []
  let partial = ""
  let stderr = ""
  let wake = () => {}
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (partial + text).split("\n")
    partial = lines.pop() ?? ""
    acknowledged.push(...lines)
    wake()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const exited = once(child, "close").then(() => wake())
  const reaches = async (count: number): Promise<void> => {
    while (acknowledged.length < count) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`writer ${name} ended with ${acknowledged.length} of ${count}: ${stderr}`)
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL")
    await exited
    children.delete(child)
  }
  return { acknowledged, reaches, kill }
}

it(`loses and tears nothing when one of two writing processes is killed, ${rounds} times (seed ${seed})`, async () => {
  const first = await openStrongroom({ storage: lmdbStorage({ path }), keys: localKeys([rootKey]) })
  const { owner } = await first.workspaces.create({ slug: "ws_kill", name: "Kill test" })
  await first.projects.create(owner, { slug: "prj_kill", name: "Kill test" })
  for (const name of ["one", "two"]) await first.environments.create(owner, { project: "prj_kill", name })
  await first.close()

  const delays = fc.sample(fc.integer({ min: 0, max: 60 }), { numRuns: rounds, seed })
  const survivor = startWriter("survivor")
  await survivor.reaches(1)
  const acknowledged: string[] = []
  let killed = 0
  for (const [round, delay] of delays.entries()) {
    const victim = startWriter(`victim-${round}`)
    await victim.reaches(1)
    await sleep(delay)
    await victim.kill()
    killed++
    acknowledged.push(...victim.acknowledged)
    // The survivor goes on: what it acknowledges from here on was not in flight when the other died.
    await survivor.reaches(survivor.acknowledged.length + 2)
  }
  await survivor.kill()
  acknowledged.push(...survivor.acknowledged)
  expect(killed).toBe(rounds)
  expect(acknowledged.length).toBeGreaterThan(3 * rounds)

  const last = await openStrongroom({ storage: lmdbStorage({ path }), keys: localKeys([rootKey]) })
  const principal = await host(last)
  const environments = await environmentsOf(last, principal)
  const found = new Map<string, number>()
  for (const secret of await last.secrets.list(principal, { project: "prj_kill" })) {
    const batch = secret.name.slice(0, -2)
    for (const { environment, value } of secret.values) {
      expect(environments).toContain(environment)
      expect(reveal(value)).toBe(`value of ${secret.name}`)
    }
    found.set(batch, (found.get(batch) ?? 0) + secret.values.length)
  }
  await last.close()
  const lost = acknowledged.filter((batch) => !found.has(batch))
  const torn = [...found].filter(([, values]) => values !== valuesPerBatch)
  expect({ lost, torn }).toEqual({ lost: [], torn: [] })
}, 300_000)
