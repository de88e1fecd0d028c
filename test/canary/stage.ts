import { randomBytes } from "node:crypto"
import {
  type KeyProvider,
  type Logger,
  localKeys,
  openStrongroom,
  type Principal,
  reveal,
  type StorageAdapter,
  type Strongroom,
  type StrongroomOptions,
} from "@strongroom/core"
import { markedRootKey, markedToken, marker } from "./markers.ts"
import type { Traces } from "./traces.ts"

/** What the exercises work on. */
export interface Stage {
  readonly strongroom: Strongroom
  readonly traces: Traces
  readonly owner: Principal
  readonly workspace: string
  readonly project: string
  readonly environments: readonly string[]
  readonly vault: string
  readonly vaultSecret: string
  readonly emptyVault: string
  readonly member: string
  readonly tokenId: string
}

export const markedKeys = (): KeyProvider => localKeys([{ id: "marked", key: markedRootKey }])

/** Every line, at every level. */
export const loggerOf = (traces: Traces): Logger => {
  const at = (level: string) => (message: string, fields?: unknown) => traces.print("log", level, [message, fields])
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }
}

/** Keeps all bytes and addresses that are ever written. */
export const watched = (inner: StorageAdapter, traces: Traces): StorageAdapter => ({
  limits: inner.limits,
  capabilities: inner.capabilities,
  read: (...call) => inner.read(...call),
  list: (...call) => inner.list(...call),
  commit: (partition, commit, options) => {
    for (const { collection, leaf, record } of commit.writes) {
      const address = `${partition}/${collection}/${leaf}`
      traces.add("stored", address, `${address} ${record?.revision}`)
      if (record !== undefined) traces.add("stored", address, record.bytes)
    }
    return inner.commit(partition, commit, options)
  },
  close: () => inner.close(),
})

export const open = (storage: StorageAdapter, traces: Traces, options: Partial<StrongroomOptions> = {}) =>
  openStrongroom({ storage: watched(storage, traces), keys: markedKeys(), logger: loggerOf(traces), ...options })

/** A workspace with one of everything, every value of it marked. */
export const setUp = async (strongroom: Strongroom, traces: Traces): Promise<Stage> => {
  // Engines share a store in some exercises.
  const slug = `ws-${randomBytes(6).toString("hex")}`
  const { owner } = await strongroom.workspaces.create({ slug, name: "Workspace" })
  const { id: project } = await strongroom.projects.create(owner, { slug: "project", name: "Project" })
  const environments: string[] = []
  for (const name of ["development", "staging", "production"]) {
    environments.push((await strongroom.environments.create(owner, { project, name })).id)
  }
  await strongroom.secrets.create(owner, {
    project,
    environments: environments.slice(0, 2),
    secrets: [
      { name: "TEXT", value: marker("value"), note: marker("note"), type: "runtime", dataType: "text" },
      { name: "JSON", value: JSON.stringify({ a: marker("value") }), type: "build", dataType: "json" },
    ],
  })
  const { id: vault } = await strongroom.vaults.create(owner, { name: "vault" })
  const input = { envKey: "KEY", value: marker("vaultValue"), allowedDomains: ["api.example.com"] }
  const { id: vaultSecret } = await strongroom.vaults.secrets.create(owner, vault, input)
  const { id: emptyVault } = await strongroom.vaults.create(owner, { name: "empty" })
  const grants = [{ scope: { type: "workspace" }, permission: "read-write" }] as const
  const { id: member } = await strongroom.principals.create(owner, { name: "member", grants })
  const known = await strongroom.tokens.identify(markedToken)
  const token = known === undefined ? { token: markedToken } : {}
  const issued = await strongroom.tokens.issue(owner, { name: "token", grants, ...token })
  if (known === undefined && reveal(issued.token) !== markedToken) throw new Error("the token is not the marked one")
  const ids = { workspace: owner.workspace, project, vault, vaultSecret, emptyVault, member, tokenId: issued.id }
  return { strongroom, traces, owner, environments, ...ids }
}
