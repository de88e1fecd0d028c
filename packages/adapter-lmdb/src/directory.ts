import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, join, resolve } from "node:path"
import { StorageError } from "@strongroom/core"

/** The magic number of a meta page follows the page header: of 24 bytes on 64-bit machines, of 16 on others. */
const magic = 0xbeefc0de
const magicOffsets = [24, 16]

/** More than an empty environment takes: two pages of data and the lock table. */
const emptyEnvironment = Buffer.alloc(64 << 10)

/**
 * Makes the directory (0700) and refuses here, with an error, what `lmdb` 3.5.6 answers with a segmentation fault or a
 * bus error: a data file that is none, and a disk without room for a new environment.
 */
export const prepareDirectory = (directory: string): void => {
  const data = join(directory, "data.mdb")
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (made !== undefined) syncParents(directory, made)
    const hasLock = requireFile(join(directory, "lock.mdb"))
    const hasData = requireFile(data)
    if (!hasLock || !hasData) requireSpace(directory)
    if (hasData) requireMagic(data)
  } catch (cause) {
    if (cause instanceof StorageError) throw cause
    throw new StorageError("FATAL", `cannot use ${directory}`, { cause })
  }
}

/** A new file is durable only when its directory is synced too. */
export const syncDirectory = (directory: string): void => {
  if (process.platform === "win32") return // cannot open directories
  const file = openSync(directory, "r")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const syncParents = (directory: string, firstMade: string): void => {
  const last = dirname(resolve(firstMade))
  for (let parent = resolve(directory); parent !== last; ) {
    parent = dirname(parent)
    syncDirectory(parent)
  }
}

/** Whether it exists and has content. Not opened: closing the lock file would drop this process's locks on it. */
const requireFile = (path: string): boolean => {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (!found.isFile()) throw new StorageError("FATAL", `${path} is not a file`)
  accessSync(path, constants.R_OK | constants.W_OK)
  return found.size > 0
}

const requireSpace = (directory: string): void => {
  const probe = join(directory, `.space-${process.pid}-${Date.now()}`)
  try {
    writeFileSync(probe, emptyEnvironment, { mode: 0o600, flag: "wx" })
  } finally {
    rmSync(probe, { force: true })
  }
}

const requireMagic = (path: string): void => {
  const head = Buffer.alloc(32)
  const file = openSync(path, "r")
  try {
    readSync(file, head)
  } finally {
    closeSync(file)
  }
  if (!magicOffsets.some((offset) => head.readUInt32LE(offset) === magic)) {
    throw new StorageError("FATAL", `${path} is not an LMDB data file`)
  }
}
