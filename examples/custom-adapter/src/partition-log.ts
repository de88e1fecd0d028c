import { randomUUID } from "node:crypto"
import { link, mkdir, open, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { deserialize, serialize } from "node:v8"
import type { Address, ListedRecord, StoredRecord, Write } from "@strongroom/core"

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/**
 * One partition: a folder with one file per commit, `0`, `1`, `2`, … A commit is written beside them, synced, and then
 * linked to the next number. link(2) fails if the number is taken already, and that makes it a compare-and-set between
 * any number of processes, without a lock that somebody could die with.
 */
export class PartitionLog {
  readonly #folder: string
  /** The state after the first `#next` commits. */
  readonly #collections = new Map<string, Map<string, StoredRecord>>()
  #next = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Applies what others have committed since the last call. */
  async catchUp(): Promise<void> {
    for (;;) {
      let commit: Buffer
      try {
        commit = await readFile(join(this.#folder, `${this.#next}`))
      } catch (error) {
        if (isCode(error, "ENOENT")) return
        throw error
      }
      this.#apply(deserialize(commit))
    }
  }

  find({ collection, leaf }: Address): StoredRecord | undefined {
    return this.#collections.get(collection)?.get(leaf)
  }

  *list(collection: string, after = ""): Generator<ListedRecord> {
    const records = this.#collections.get(collection) ?? new Map<string, StoredRecord>()
    // Names are ASCII, so the order of strings is the order of bytes.
    for (const leaf of [...records.keys()].filter((leaf) => leaf > after).sort()) {
      const record = records.get(leaf)
      if (record !== undefined) yield { leaf, record }
    }
  }

  /** The bytes of a commit, on the disk but not yet part of the log. Nothing is applied when this fails. */
  async stage(writes: readonly Write[]): Promise<string> {
    // Every process syncs for itself: the one that made the folder may have died before it did.
    if (this.#next === 0) {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await syncDirectory(join(this.#folder, ".."))
    }
    const staged = join(this.#folder, `staged-${randomUUID()}`)
    const file = await open(staged, "wx", 0o600)
    try {
      await file.writeFile(serialize(writes))
      await file.sync()
    } catch (error) {
      await this.discard(staged)
      throw error
    } finally {
      await file.close()
    }
    return staged
  }

  /** False if another process was first: catch up and decide again. */
  async append(staged: string, writes: readonly Write[]): Promise<boolean> {
    try {
      await link(staged, join(this.#folder, `${this.#next}`))
    } catch (error) {
      if (isCode(error, "EEXIST")) return false
      throw error
    }
    await syncDirectory(this.#folder)
    this.#apply(writes)
    return true
  }

  discard(staged: string): Promise<void> {
    return rm(staged, { force: true })
  }

  #apply(writes: readonly Write[]): void {
    for (const { collection, leaf, record } of writes) {
      const records = this.#collections.get(collection) ?? new Map<string, StoredRecord>()
      this.#collections.set(collection, records)
      if (record === undefined) records.delete(leaf)
      else records.set(leaf, record)
    }
    this.#next++
  }
}
