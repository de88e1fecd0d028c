import { spawn } from "node:child_process"
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { errorCodes } from "@strongroom/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findIn, type Needle, needlesOf, needlesOfBytes } from "../../packages/core/test/attacks/support/needles.ts"
import { type MarkerName, markerNames, unitOf } from "./markers.ts"
import type { Trace } from "./traces.ts"

/** What `leave-traces.ts` writes. */
interface Report {
  readonly traces: readonly Trace[]
  readonly counts: Readonly<Record<string, number>>
  readonly codes: readonly string[]
  readonly statuses: readonly number[]
  readonly tokens: readonly string[]
  readonly drawn: readonly string[]
  readonly faults: number
}

interface Haystack {
  readonly kind: string
  readonly where: string
  readonly bytes: Uint8Array
  readonly returns: readonly MarkerName[]
}

let folder: string
let report: Report
let haystacks: readonly Haystack[]

const filesBelow = async (path: string): Promise<readonly string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strongroom-canary-"))
  const script = fileURLToPath(new URL("leave-traces.ts", import.meta.url))
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "pipe"] })
  const outputs = ["stdout", "stderr"] as const
  for (const output of outputs) child[output].pipe(createWriteStream(join(folder, output)))
  const [code] = await once(child, "close")
  const errors = await readFile(join(folder, "stderr"), "utf8")
  if (code !== 0) throw new Error(`leave-traces.ts ended with ${code}: ${errors.slice(-4_000)}`)

  report = JSON.parse(await readFile(join(folder, "report.json"), "utf8"))
  const files = await filesBelow(join(folder, "data"))
  const read = async (kind: string, path: string) => ({ kind, where: path, bytes: await readFile(path), returns: [] })
  haystacks = [
    ...report.traces.map(({ base64, ...trace }) => ({ ...trace, bytes: Buffer.from(base64, "base64") })),
    ...(await Promise.all(outputs.map((output) => read(output, join(folder, output))))),
    ...(await Promise.all(files.map((file) => read("file", file)))),
  ]
}, 300_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Where a secret has leaked to, each place with the forms in which it stands there. */
const leaksOf = (needles: readonly Needle[], belongs: (haystack: Haystack) => boolean = () => false) =>
  haystacks
    .filter((haystack) => !belongs(haystack))
    .map(({ kind, where, bytes }) => ({ kind, where, forms: findIn(bytes, needles), text: bytes }))
    .filter(({ forms }) => forms.length > 0)

const told = (leaks: ReturnType<typeof leaksOf>): readonly string[] =>
  leaks.map(({ kind, where, forms, text }) => `${kind} ${where}: ${forms.join()}: ${text.subarray(0, 300).toString()}`)

describe("attack 16: the canary test. Logs, errors, spans, answers, output and stored bytes are read", () => {
  it("everything was used, and much was left behind to search", () => {
    // Every error there is was met.
    expect(report.codes.filter((code) => code !== "ok").sort()).toEqual([...errorCodes].sort())
    expect(report.statuses.toSorted()).toEqual([200, 201, 204, 400, 401, 403, 404, 409, 413, 415, 500, 503])
    expect(report.faults).toBeGreaterThan(200)
    const searched = { ...report.counts }
    for (const { kind } of haystacks.slice(report.traces.length)) searched[kind] = (searched[kind] ?? 0) + 1
    const least = {
      log: 500,
      error: 9_000,
      object: 500,
      span: 9_000,
      http: 600,
      process: 2,
      stored: 2_000,
      stdout: 1,
      stderr: 1,
      file: 2,
    }
    for (const [kind, count] of Object.entries(least)) expect(searched[kind], kind).toBeGreaterThanOrEqual(count)
    console.log("searched:", JSON.stringify(searched))
  })

  it("a marker that was leaked on purpose is found on every way (so that this test can fail)", () => {
    const kinds = new Set(leaksOf(needlesOf(unitOf("control"))).map(({ kind }) => kind))
    expect([...kinds].sort()).toEqual(
      ["error", "file", "http", "log", "object", "process", "span", "stderr", "stdout", "stored"].sort(),
    )
  })

  it.for(markerNames.filter((name) => name !== "control"))("nothing holds the marked %s", (name) => {
    expect(told(leaksOf(needlesOf(unitOf(name)), ({ returns }) => returns.includes(name)))).toEqual([])
  })

  it("values and notes are found in the answers whose purpose is to return them", () => {
    for (const name of ["value", "note"] as const) {
      const answers = haystacks.filter(({ kind, returns }) => kind === "http" && returns.includes(name))
      expect(answers.some(({ bytes }) => findIn(bytes, needlesOf(unitOf(name))).includes("raw"))).toBe(true)
    }
  })

  it("nothing holds a token or a key that the engine drew", () => {
    expect(report.tokens.length).toBeGreaterThanOrEqual(4)
    expect(report.drawn.length).toBeGreaterThan(50)
    for (const token of report.tokens) expect(told(leaksOf(needlesOf(token)))).toEqual([])
    const keys = report.drawn.flatMap((key) => needlesOfBytes(Buffer.from(key, "base64")))
    expect(told(leaksOf(keys))).toEqual([])
  })
})
