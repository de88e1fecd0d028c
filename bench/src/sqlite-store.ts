import { DatabaseSync, type StatementSync } from "node:sqlite"

/**
 * A small durable store for Keyv over `node:sqlite`, written for this benchmark: WAL, `synchronous=FULL`, one statement a
 * call. It stands in for @keyv/sqlite, whose driver is compiled when it is installed.
 */
export class SqliteStore {
  readonly #database: DatabaseSync
  readonly #get: StatementSync
  readonly #set: StatementSync

  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    this.#database.exec("CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    this.#get = this.#database.prepare("SELECT value FROM entries WHERE key = ?")
    this.#set = this.#database.prepare(
      "INSERT INTO entries VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
  }

  async get(key: string): Promise<string | undefined> {
    const row = this.#get.get(key)
    return typeof row?.["value"] === "string" ? row["value"] : undefined
  }

  async set(key: string, value: string): Promise<boolean> {
    this.#set.run(key, value)
    return true
  }

  /** In one transaction. */
  async setMany(entries: readonly { readonly key: string; readonly value: string }[]): Promise<void> {
    this.#database.exec("BEGIN")
    for (const { key, value } of entries) this.#set.run(key, value)
    this.#database.exec("COMMIT")
  }

  /** All entries, by their keys. */
  async *iterator(): AsyncGenerator<readonly [unknown, unknown]> {
    const all = this.#database.prepare("SELECT key, value FROM entries ORDER BY key")
    for (const { key, value } of all.iterate()) yield [key, value]
  }

  async delete(key: string): Promise<boolean> {
    return this.#database.prepare("DELETE FROM entries WHERE key = ?").run(key).changes === 1
  }

  async clear(): Promise<void> {
    this.#database.exec("DELETE FROM entries")
  }

  async disconnect(): Promise<void> {
    this.#database.close()
  }
}
