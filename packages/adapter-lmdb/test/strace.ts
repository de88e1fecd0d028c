import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import type { TestContext } from "vitest"

/** Skips, in print, where strace cannot run; fails where CI promises that it can. */
export const requireStrace = (context: TestContext): void => {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "pipe" })
  } catch (error) {
    const reason = `strace cannot run here: ${error instanceof Error ? error.message : error}`
    const { CI } = process.env
    if (CI === "true") throw new Error(reason)
    context.skip(reason)
  }
}

/** Flushes of the kernel's caches, and writes to the files that they are about. */
export const traced = "openat,close,write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,msync"

export interface Durability {
  /** Flushes that completed between the line BEGIN and the line ACKNOWLEDGED on standard output. */
  readonly syncs: number
  /** Writes to the data file in between. */
  readonly writes: number
  /** Whether there was something to flush, and all of it had been flushed when the acknowledgement was written. */
  readonly durable: boolean
}

const wholeOrBegun = /^(\d+) +(\w+)\((.*)$/
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/
const unfinished = " <unfinished ...>"
const flushes = ["fdatasync", "fsync", "msync"]

/**
 * Reads the log of `strace -f`. A write to a descriptor that was opened with `O_DSYNC` is its own flush; any other write
 * to the data file needs a flush that begins after it and completes, with 0, before the acknowledgement begins.
 */
export const durabilityOf = (log: string): Durability => {
  /** Descriptors of the data file, and whether they were opened with `O_DSYNC`. */
  const dataFiles = new Map<string, boolean>()
  const argumentsOf = new Map<string, string>()
  const writtenBefore = new Map<string, number>()
  let watching = false
  let [syncs, writes, written, flushed] = [0, 0, 0, 0]

  for (const line of readFileSync(log, "utf8").split("\n")) {
    const begins = wholeOrBegun.exec(line)
    const [, thread = "", name = "", text = ""] = begins ?? resumed.exec(line) ?? []
    if (begins !== null) {
      argumentsOf.set(thread, "")
      if (name === "write" && text.startsWith('1, "BEGIN')) watching = true
      if (name === "write" && text.startsWith('1, "ACKNOWLEDGED')) {
        return { syncs, writes, durable: writes > 0 && flushed === written }
      }
      if (flushes.includes(name)) writtenBefore.set(thread, written)
    }
    argumentsOf.set(thread, (argumentsOf.get(thread) ?? "") + text.replace(unfinished, ""))
    if (text.endsWith(unfinished)) continue

    const args = argumentsOf.get(thread) ?? ""
    const result = args.slice(args.lastIndexOf(" = ") + 3)
    const descriptor = args.split(/[,)]/, 1)[0] ?? ""
    if (name === "openat" && args.includes('/data.mdb"')) dataFiles.set(result, args.includes("O_DSYNC"))
    if (name === "close") dataFiles.delete(descriptor)
    if (!watching) continue
    if (flushes.includes(name) && result === "0") {
      syncs++
      flushed = Math.max(flushed, writtenBefore.get(thread) ?? 0)
    }
    const flushesItself = dataFiles.get(descriptor)
    if (name.includes("write") && flushesItself !== undefined) {
      writes++
      if (!flushesItself) written++
    }
  }
  throw new Error("the trace has no acknowledgement")
}
