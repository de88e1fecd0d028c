import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, type TestContext } from "vitest"
import { lmdbStorage } from "../src/index.ts"
import type { Report as FaultReport } from "./children/fault.ts"
import type { Report as FillReport } from "./children/fill.ts"
import { run } from "./children/run.ts"
import { requireStrace } from "./strace.ts"
import { temporaryDirectory } from "./temporary.ts"

/** The process must come to its own end: not by a signal, and not by an unhandled rejection. */
const fill = async (args: string[], behind: string[] = []): Promise<FillReport> => {
  const ended = await run("fill", args, behind)
  expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null })
  return JSON.parse(ended.stdout)
}

/** A file of this process may not grow beyond so many KiB: a full disk for whoever cannot mount one. */
const fileLimit = (kib: number): string[] => ["bash", "-c", `ulimit -f ${kib}; exec "$0" "$@"`]

/** A disk of its own, of the given size; skips, in print, where one cannot be mounted. */
const mountDisk = (context: TestContext, size: string): string => {
  const path = temporaryDirectory()
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "pipe" })
  } catch (error) {
    context.skip(`cannot mount a small disk here: ${error instanceof Error ? error.message.trim() : error}`)
  }
  onTestFinished(() => void execFileSync("umount", [path]))
  return path
}

const requireTyped = (report: FillReport): void => {
  const outcomes = report.outcomes ?? []
  expect(outcomes.indexOf("UNAVAILABLE")).toBeGreaterThan(3)
  expect(new Set(outcomes)).toEqual(new Set(["committed", "UNAVAILABLE"]))
  expect(new Set(report.together)).toEqual(new Set(["UNAVAILABLE"]))
  // What was acknowledged is there, what was refused is not.
  expect(report.readBack).toBe(report.acknowledged)
  expect(report.listed).toBe(report.acknowledged)
}

describe("a full disk ends no process", () => {
  it("is UNAVAILABLE: a file at its size limit", async () => {
    requireTyped(await fill([temporaryDirectory()], fileLimit(2_000)))
  })

  it("is UNAVAILABLE until there is room again: a small disk (needs mount)", async (context) => {
    const disk = mountDisk(context, "4m")
    const ballast = join(disk, "ballast")
    writeFileSync(ballast, Buffer.alloc(2 << 20))
    const report = await fill([join(disk, "store"), ballast])
    requireTyped(report)
    expect(report.afterSpace).toBe("committed")
  })

  it("is FATAL when there is no room to begin with: a size limit of nothing", async () => {
    expect(await fill([temporaryDirectory()], fileLimit(0))).toEqual({ openError: "FATAL" })
  })

  it("is FATAL when there is no room to begin with: a full disk (needs mount)", async (context) => {
    const disk = mountDisk(context, "1m")
    writeFileSync(join(disk, "ballast"), Buffer.alloc(1 << 20))
    expect(await fill([join(disk, "store")])).toEqual({ openError: "FATAL" })
  })
})

describe("a path that is no environment ends no process", () => {
  const cases: Record<string, (path: string) => void> = {
    "a file": (path) => writeFileSync(path, "text"),
    "a directory whose data file is garbage": (path) => {
      mkdirSync(path)
      writeFileSync(join(path, "data.mdb"), Buffer.alloc(100_000, "garbage"))
    },
    "a directory whose data file is cut short": (path) => {
      mkdirSync(path)
      writeFileSync(join(path, "data.mdb"), Buffer.alloc(20))
    },
    "a directory whose lock file is a directory": (path) => mkdirSync(join(path, "lock.mdb"), { recursive: true }),
  }
  for (const [name, make] of Object.entries(cases)) {
    it(`is FATAL: ${name}`, async () => {
      const path = join(temporaryDirectory(), "store")
      make(path)
      expect(await fill([path])).toEqual({ openError: "FATAL" })
    })
  }

  it("is FATAL: files of somebody else", async (context) => {
    if (process.getuid?.() === 0) context.skip("root may read everything")
    const path = temporaryDirectory()
    await lmdbStorage({ path }).close()
    for (const file of ["data.mdb", "lock.mdb"]) {
      chmodSync(join(path, file), 0o000)
      expect(await fill([path])).toEqual({ openError: "FATAL" })
      chmodSync(join(path, file), 0o600)
    }
  })
})

describe("a system call that fails (needs strace)", () => {
  const inject = async (context: TestContext, fault: string): Promise<FaultReport> => {
    requireStrace(context)
    const directory = temporaryDirectory()
    const log = join(directory, "strace.log")
    const [call = ""] = fault.split(":")
    const ended = await run(
      "fault",
      [directory],
      ["strace", "-f", "-o", log, "-e", `trace=${call}`, "-e", `inject=${fault}`],
      // strace counts the calls of each thread, so there must be one.
      { UV_THREADPOOL_SIZE: "1" },
    )
    expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null })
    expect(execFileSync("grep", ["-c", "INJECTED", log], { encoding: "utf8" })).toBe("1\n")
    return JSON.parse(ended.stdout)
  }

  // The delay leaves time to send a commit that waits behind the group that fails.
  for (const fault of ["writev:error=ENOSPC", "fdatasync:error=EIO"]) {
    it(`before the meta page has applied nothing, and the next commits succeed: ${fault}`, async (context) => {
      expect(await inject(context, `${fault}:delay_enter=200000:when=2`)).toEqual({
        first: "committed",
        failed: ["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"],
        late: "committed",
        next: "committed",
        readFirst: "xxxxxxxxxx",
        listed: [1, 2, 3],
        found: [10_000],
        again: [10_000, "committed"],
      })
    })
  }

  for (const fault of ["pwrite64:error=EIO", "pwrite64:error=ENOSPC"]) {
    it(`at the meta page leaves the outcome unknown and the store unusable until it is opened again: ${fault}`, async (context) => {
      expect(await inject(context, `${fault}:delay_enter=200000:when=2`)).toEqual({
        first: "committed",
        failed: ["UNKNOWN_OUTCOME", "UNKNOWN_OUTCOME", "UNKNOWN_OUTCOME"],
        late: "FATAL",
        next: "FATAL",
        readFirst: "FATAL",
        listed: [1, "FATAL"],
        found: [10_000, "FATAL"],
        again: [10_000, "committed"],
      })
    })
  }
})
