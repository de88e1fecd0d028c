import {
  type KeyProvider,
  memoryStorage,
  openStrongroom,
  type StorageAdapter,
  StorageError,
  type StoredRecord,
  type Strongroom,
} from "@strongroom/core"
import { record } from "./exercise-facade.ts"
import { exerciseFailingHttp } from "./exercise-http.ts"
import { marker } from "./markers.ts"
import { loggerOf, markedKeys, open, type Stage, setUp, watched } from "./stage.ts"
import type { Traces } from "./traces.ts"

const fault = marker("fault")
const rootKey = marker("rootKey")

/** What a driver may throw: connection strings, statements and their parameters in every place. */
const storageFaults = (): readonly unknown[] => [
  ...(["UNAVAILABLE", "BUSY", "LIMIT", "FATAL", "CLOSED"] as const).map(
    (code) => new StorageError(code, `redis://user:${fault}@host`, { cause: new Error(fault) }),
  ),
  new Error(`${fault}\n    at ${fault}\n    at file:///${fault}`, { cause: { [fault]: fault } }),
  new AggregateError([new Error(fault)], fault),
  Object.assign(new TypeError(fault), { code: fault, config: { password: fault } }),
  fault,
  { code: fault, toString: () => fault },
  undefined,
]

/** What a broken adapter may answer. */
const brokenAnswers = (): readonly unknown[] => [
  undefined,
  fault,
  [fault],
  [{ revision: fault, bytes: fault }],
  [{ revision: fault, bytes: new Uint8Array(Buffer.from(fault)) }],
  { status: fault },
  { status: "conflict", addresses: fault },
  { records: [{ leaf: fault, record: { revision: fault, bytes: new Uint8Array(Buffer.from(fault)) } }], more: false },
  { records: fault, more: fault },
  Object.defineProperty({}, "status", {
    get: () => {
      throw new Error(`${fault}\n    at ${fault}`)
    },
  }),
]

const stillWorks = Symbol("the real answer")

interface Switch {
  /** Takes the place of a call's answer, unless that is `stillWorks`: it throws, or gives something else. */
  instead: ((call: "read" | "list" | "commit") => unknown) | undefined
  happened: number
}

/** Bytes of the adapter's answers are whatever it says; the engine has to see for itself. */
const failing = (inner: StorageAdapter, state: Switch): StorageAdapter => {
  const answerOf = async <A>(call: "read" | "list" | "commit", real: () => Promise<A>): Promise<A> => {
    const { instead } = state
    if (instead === undefined) return real()
    state.happened++
    const lie = instead(call)
    // A broken adapter keeps to no type.
    if (lie !== stillWorks) return lie as A
    state.happened--
    return real()
  }
  return {
    limits: inner.limits,
    capabilities: inner.capabilities,
    read: (...call) => answerOf("read", () => inner.read(...call)),
    list: (...call) => answerOf("list", () => inner.list(...call)),
    commit: (...call) => answerOf("commit", () => inner.commit(...call)),
    close: () => inner.close(),
  }
}

/** Some calls of every kind. */
const callSome = async (stage: Stage, codes: Set<string>): Promise<void> => {
  const { strongroom, traces, owner, project, environments, vault, vaultSecret } = stage
  const text = { value: marker("value"), note: marker("note"), type: "runtime", dataType: "text" } as const
  const create = { project, environments, secrets: [{ name: "FAIL", ...text }] }
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    "secrets.create": () => strongroom.secrets.create(owner, create),
    "secrets.list": () => strongroom.secrets.list(owner, { project }),
    "secrets.get": () => strongroom.secrets.get(owner, { project, name: "TEXT" }),
    "vaults.secrets.create": () =>
      strongroom.vaults.secrets.create(owner, vault, { envKey: "FAIL", value: marker("vaultValue") }),
    "vaults.secrets.update": () =>
      strongroom.vaults.secrets.update(owner, vault, vaultSecret, { value: `${marker("vaultValue")} again` }),
    "vaults.secrets.release": () => strongroom.vaults.secrets.release(owner, vault, "KEY", "api.example.com"),
    "vaults.list": () => strongroom.vaults.list(owner),
    "tokens.issue": () => strongroom.tokens.issue(owner, { name: "fail", grants: [] }),
    "workspaces.create": () => strongroom.workspaces.create({ slug: "fail", name: "Fail" }),
    "keys.rotate": () => strongroom.keys.rotate(owner, { vault }),
    ping: () => strongroom.ping(),
  }
  for (const [name, call] of Object.entries(calls)) codes.add(await record(traces, name, call))
}

/** Makes an engine on a storage. */
export type Opening = (storage: StorageAdapter) => Promise<Strongroom>

/** Storage that throws whatever drivers throw, under every call. Gives the codes and statuses that were met. */
export const exerciseStorageFaults = async (traces: Traces, opening: Opening) => {
  const state: Switch = { instead: undefined, happened: 0 }
  const stage = await setUp(await opening(failing(memoryStorage(), state)), traces)
  const codes = new Set<string>()
  const statuses = new Set<number>()
  for (const error of storageFaults()) {
    const isCoded = error instanceof StorageError
    state.instead = (call) => {
      // A commit whose outcome is unknown is asked about for half a second: once, below, is enough.
      if (!isCoded && call === "commit") throw new StorageError("BUSY", fault)
      throw error
    }
    await callSome(stage, codes)
    for (const status of await exerciseFailingHttp(stage)) statuses.add(status)
  }
  state.instead = (call) => {
    if (call === "commit") throw Object.assign(new Error(fault), { statement: fault })
    return stillWorks
  }
  const { strongroom, owner } = stage
  codes.add(await record(traces, "vaults.create", () => strongroom.vaults.create(owner, { name: "unknown" })))
  state.instead = undefined
  await strongroom.close()
  if (state.happened < 100) throw new Error(`only ${state.happened} faults took place`)
  return { codes, statuses, happened: state.happened }
}

/** Storage that answers what no adapter may. */
export const exerciseBrokenStorage = async (traces: Traces, opening: Opening): Promise<ReadonlySet<string>> => {
  const state: Switch = { instead: undefined, happened: 0 }
  const stage = await setUp(await opening(failing(memoryStorage(), state)), traces)
  const codes = new Set<string>()
  for (const lie of brokenAnswers()) {
    state.instead = (call) => (call === "commit" ? { status: "committed" } : lie)
    await callSome(stage, codes)
  }
  for (const lie of brokenAnswers()) {
    state.instead = (call) => (call === "commit" ? lie : stillWorks)
    await callSome(stage, codes)
  }
  state.instead = undefined
  await stage.strongroom.close()
  if (state.happened < 100) throw new Error(`only ${state.happened} broken answers were given`)
  return codes
}

/** Records that are changed between storage and engine: every way in which damage is told. */
export const exerciseDamage = async (traces: Traces): Promise<ReadonlySet<string>> => {
  const codes = new Set<string>()
  let change = (_collection: string, record: StoredRecord | undefined): StoredRecord | undefined => record
  const inner = memoryStorage()
  const damaged: StorageAdapter = {
    ...inner,
    read: async (partition, addresses, options) =>
      (await inner.read(partition, addresses, options)).map((record, index) =>
        change(addresses[index]?.collection ?? "", record),
      ),
    list: async (partition, collection, options) => {
      const { records, more } = await inner.list(partition, collection, options)
      const found = records.flatMap(({ leaf, record }) => {
        const changed = change(collection, record)
        return changed === undefined ? [] : [{ leaf, record: changed }]
      })
      return { records: found, more }
    },
  }
  const stage = await setUp(await open(damaged, traces), traces)
  const { strongroom, owner, environments, vault } = stage
  const keysets = new Map<string, StoredRecord>()
  for (const compartment of [...environments, vault]) {
    const [record] = await inner.read(owner.workspace, [{ collection: "keyset", leaf: compartment }])
    if (record !== undefined) keysets.set(compartment, record)
  }
  const old = keysets.get(vault)
  await strongroom.keys.rotate(owner, { vault })
  await strongroom.vaults.secrets.list(owner, vault)
  const withByte = (record: StoredRecord, at: number, byte: number): StoredRecord => {
    return { ...record, bytes: record.bytes.with(at, byte) }
  }
  const collections = ["token", "principal", "project", "keyset", "secret", "value", "vault", "vsecret", "audit"]
  for (const collection of collections) {
    const isOne = (name: string) => name.replace(/\..*$/, "") === collection
    const changes: readonly ((record: StoredRecord) => StoredRecord | undefined)[] = [
      (record) => withByte(record, -1, (record.bytes.at(-1) ?? 0) ^ 1),
      (record) => withByte(record, 0, 9),
      () => undefined,
      () => ({ revision: fault, bytes: new Uint8Array(Buffer.from(fault)) }),
    ]
    for (const each of changes) {
      change = (name, record) => (record !== undefined && isOne(name) ? each(record) : record)
      await callSome(stage, codes)
      codes.add(await record(traces, "damaged", () => strongroom.audit.list(owner)))
      codes.add(await record(traces, "damaged", () => strongroom.vaults.secrets.list(owner, vault)))
      await exerciseFailingHttp(stage)
    }
  }
  change = (name, record) => (name === "keyset" ? old : record)
  codes.add(await record(traces, "rolled back", () => strongroom.vaults.secrets.list(owner, vault)))
  change = (_, record) => record
  await strongroom.close()
  return codes
}

/** Key providers that fail with key bytes in their errors, or give what is no key. */
export const exerciseKeyProviderFaults = async (traces: Traces): Promise<ReadonlySet<string>> => {
  const codes = new Set<string>()
  const storage = memoryStorage()
  const { owner, workspace } = await setUp(await open(storage, traces), traces)
  const kept: StorageAdapter = { ...watched(storage, traces), close: async () => {} }
  const say = (key: Uint8Array): string =>
    [rootKey, Buffer.from(rootKey).toString("hex"), Buffer.from(key).toString("base64")].join(" ")
  const real = markedKeys()
  const behaviours: readonly ((key: Uint8Array) => unknown)[] = [
    (key) => {
      throw new Error(say(key))
    },
    (key) => {
      throw Object.assign(new Error(say(key)), { code: "ROOT_KEY_UNKNOWN", key })
    },
    (key) => {
      throw Object.assign(new Error(say(key)), { code: "INTEGRITY", key })
    },
    (key) => {
      throw say(key)
    },
    (key) => {
      throw { key, message: say(key), toString: () => say(key) }
    },
    () => undefined,
    () => rootKey,
    () => new Uint8Array(Buffer.from(rootKey)),
    () => new Uint8Array(5),
    () => [1, 2, 3],
  ]
  for (const behave of behaviours) {
    // A broken provider keeps to no type.
    const broken = async (key: Uint8Array) => behave(key) as Uint8Array
    const unwraps: KeyProvider = {
      ...real,
      unwrap: (_, context) => broken(new Uint8Array(Buffer.from(`${rootKey}${context.purpose}`))),
    }
    // What it calls wrapped is stored, so the answer that is a key in the clear is not tried here.
    const wraps: KeyProvider = {
      ...real,
      wrap: async (key) => {
        const wrapped = await broken(key)
        return wrapped instanceof Uint8Array ? wrapped.fill(0) : wrapped
      },
    }
    const options = { storage: kept, logger: loggerOf(traces) }
    codes.add(await record(traces, "unwrap the directory's key", () => openStrongroom({ ...options, keys: unwraps })))
    codes.add(
      await record(traces, "wrap the directory's key", () =>
        openStrongroom({ ...options, storage: memoryStorage(), keys: wraps }),
      ),
    )
    // The directory's key unwraps and the workspace's does not.
    const half: KeyProvider = {
      ...real,
      wrap: wraps.wrap,
      unwrap: (wrapped, context) =>
        context.purpose === "directory-key" ? real.unwrap(wrapped, context) : unwraps.unwrap(wrapped, context),
    }
    const strongroom = await openStrongroom({ ...options, keys: half })
    codes.add(await record(traces, "unwrap a workspace's key", () => strongroom.projects.list(owner)))
    codes.add(await record(traces, "find a workspace", () => strongroom.workspaces.find(workspace)))
    codes.add(
      await record(traces, "wrap a workspace's key", () =>
        strongroom.workspaces.create({ slug: "wrapped", name: "Wrapped" }),
      ),
    )
    await strongroom.close()
  }
  return codes
}
