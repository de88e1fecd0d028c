/**
 * What the stand-in says it is: the answers to `hello` and `buildInfo`, and the election state behind them.
 *
 * Fields after `server-discovery-and-monitoring.md` and `handshake.md` of the drivers' specifications. The look-alikes
 * answer where the real products are known to differ: FerretDB has `ferretdb` in buildInfo, the DocumentDB extension
 * for PostgreSQL names `documentdb_api` in errors (both from the package mongodb-build-info), Cosmos DB has `_t`,
 * Amazon DocumentDB has no session-wide snapshot reads. No look-alike was at hand to compare with.
 */
import { Long, ObjectId } from "mongodb"
import { ServerError } from "./errors.ts"
import type { Doc } from "./values.ts"

export type Kind = "replica-set" | "sharded" | "standalone" | "documentdb" | "cosmos" | "ferretdb"

// From the wire version table in the drivers' specifications, wireversion-featurelist.md.
const wireVersions: Readonly<Record<string, number>> = { "4.4": 9, "5.0": 13, "6.0": 17, "7.0": 21, "8.0": 25 }

export class Topology {
  readonly kind: Kind
  readonly version: string
  private readonly processId = new ObjectId()
  private counter = 0
  private term = 1
  private readonly watching = new Set<() => void>()
  primary = true
  address = ""
  /** Members that it names and that do not exist. */
  others: readonly string[] = []

  constructor(kind: Kind, version: string) {
    this.kind = kind
    this.version = version
  }

  get replicated(): boolean {
    return this.kind !== "standalone" && this.kind !== "ferretdb"
  }

  /** The look-alikes are taken to ignore the read concern of a read, and to tell no time of it. */
  get genuine(): boolean {
    return this.kind === "replica-set" || this.kind === "sharded"
  }

  get mongos(): boolean {
    return this.kind === "sharded"
  }

  get topologyVersion(): Doc {
    return { processId: this.processId, counter: Long.fromNumber(this.counter) }
  }

  get maxWireVersion(): number {
    return wireVersions[this.version.split(".").slice(0, 2).join(".")] ?? 21
  }

  /** Tells every client that watches; a primary again after having been none is a new election. */
  change(primary: boolean): void {
    if (primary && !this.primary) this.term++
    this.primary = primary
    this.counter++
    const told = [...this.watching]
    this.watching.clear()
    for (const each of told) each()
  }

  isCurrent(version: unknown): boolean {
    return typeof version === "object" && version !== null && "counter" in version
      ? Number(version.counter) === this.counter
      : false
  }

  /** Settles with the next change, at the latest after `millis`. */
  async changes(millis: number): Promise<void> {
    const changed = Promise.withResolvers<void>()
    this.watching.add(changed.resolve)
    const timer = setTimeout(changed.resolve, millis).unref()
    await changed.promise
    clearTimeout(timer)
    this.watching.delete(changed.resolve)
  }

  hello(legacy: boolean): Doc {
    const role = legacy ? { ismaster: this.primary } : { isWritablePrimary: this.primary }
    const limits = {
      maxBsonObjectSize: 16_777_216,
      maxMessageSizeBytes: 48_000_000,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      minWireVersion: 0,
      maxWireVersion: this.maxWireVersion,
      readOnly: false,
      topologyVersion: this.topologyVersion,
      helloOk: true,
    }
    if (this.mongos) return { ...role, msg: "isdbgrid", ...limits }
    if (!this.replicated) return { ...role, ...limits }
    const members = {
      setName: "rs0",
      setVersion: 1,
      hosts: [this.address, ...this.others],
      me: this.address,
      secondary: !this.primary,
    }
    const elected = new ObjectId(`7fffffff${this.term.toString(16).padStart(16, "0")}`)
    return { ...role, ...members, ...(this.primary ? { primary: this.address, electionId: elected } : {}), ...limits }
  }

  buildInfo(): Doc {
    const versionArray = [...this.version.split(".").map(Number), 0, 0].slice(0, 4)
    const common = { version: this.version, versionArray, bits: 64, debug: false, maxBsonObjectSize: 16_777_216 }
    switch (this.kind) {
      case "ferretdb":
        return { ...common, gitVersion: "", modules: [], ferretdb: { version: "v2.1.0", package: "docker" } }
      case "cosmos":
        return { ...common, _t: "BuildInfoResponse", gitVersion: "", modules: [] }
      case "documentdb":
        return { ...common, gitVersion: "unknown" }
      default:
        return {
          ...common,
          gitVersion: "stand-in",
          modules: [],
          allocator: "tcmalloc",
          javascriptEngine: "mozjs",
          openssl: { running: "OpenSSL 3.0.2", compiled: "OpenSSL 3.0.2" },
          buildEnvironment: { distmod: "stand-in", target_os: "linux", target_arch: "x86_64" },
          storageEngines: ["devnull", "wiredTiger"],
        }
    }
  }

  getParameter(command: Doc): Doc {
    if (this.kind === "ferretdb" && !("featureCompatibilityVersion" in command)) {
      throw new ServerError(2, "documentdb_api.get_parameter: no option found to get")
    }
    if (this.kind === "documentdb") throw new ServerError(59, "Feature not supported: getParameter")
    if ("featureCompatibilityVersion" in command) {
      return { featureCompatibilityVersion: { version: this.version.split(".").slice(0, 2).join(".") } }
    }
    if ("transactionLifetimeLimitSeconds" in command) return { transactionLifetimeLimitSeconds: 60 }
    throw new ServerError(72, "no option found to get")
  }
}
