/** The story that the golden store tells, run on the real engine. */
import { createHash } from "node:crypto"
import { Clock, Effect, Layer, ManagedRuntime } from "effect"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import type { EngineError } from "../../src/domain/errors.ts"
import { reveal } from "../../src/domain/fields.ts"
import { silentLogger } from "../../src/ports/logger.ts"
import { Crypto, RootKeys, Settings } from "../../src/ports/services.ts"
import type { Commit, StorageAdapter } from "../../src/ports/storage.ts"
import { Environments } from "../../src/services/environments.ts"
import { type EngineServices, engineLayer } from "../../src/services/layers.ts"
import { Principals } from "../../src/services/principals.ts"
import { Projects } from "../../src/services/projects.ts"
import { Rotation } from "../../src/services/rotation.ts"
import { Secrets } from "../../src/services/secrets.ts"
import { storageLayer } from "../../src/services/storage.ts"
import { Tokens } from "../../src/services/tokens.ts"
import { VaultSecrets } from "../../src/services/vault-secrets.ts"
import { Vaults } from "../../src/services/vaults.ts"
import { Workspaces } from "../../src/services/workspaces.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { dumpable } from "./files.ts"

interface Named {
  readonly id: string
  readonly name: string
}

/** What the store holds, in the words of whoever made it. Lists are sorted by name. */
export interface Expected {
  readonly workspace: Named & { readonly slug: string; readonly owner: string }
  readonly principal: Named
  /** Tokens with their text; `revoked` ones are in the store all the same. */
  readonly tokens: readonly (Named & { readonly text: string; readonly maker: string; readonly revoked: boolean })[]
  readonly project: Named & {
    readonly slug: string
    readonly environments: readonly Named[]
    readonly secrets: readonly (Named & {
      readonly type: string
      readonly dataType: string
      readonly note: string
      readonly values: readonly { readonly environment: string; readonly value: string }[]
    })[]
  }
  readonly vault: Named & {
    readonly description: string
    readonly secrets: readonly (Named & { readonly value: string; readonly allowedDomains: readonly string[] })[]
  }
  readonly removed: { readonly environment: string; readonly secret: string; readonly vault: string }
  readonly audit: {
    readonly actions: readonly string[]
    readonly chains: number
    readonly refused: number
    readonly voids: number
  }
}

/** SHA-256 of a seed and a counter: the same bytes in every run. */
const seeded = (seed: string): ((length: number) => Uint8Array) => {
  let counter = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash("sha256").update(`${seed} ${counter++}`).digest()
      bytes.set(block.subarray(0, Math.min(32, length - offset)), offset)
    }
    return bytes
  }
}

type Run = <A>(effect: Effect.Effect<A, EngineError, EngineServices>) => Promise<A>

/** An engine on seeded randomness, and on a clock that goes on by a second with every operation. */
const engineOn = (storage: StorageAdapter, rootKey: Uint8Array, seed: string, clock: Clock.Clock): Run => {
  const ports = Layer.mergeAll(
    storageLayer(storage, silentLogger),
    Layer.succeed(RootKeys, localKeys([{ id: "golden", key: rootKey }])),
    Layer.succeed(Crypto, { cipher, random: seeded(seed) }),
    Layer.succeed(Settings, { auditReads: true, valuesPerRequest: 1_000, logger: silentLogger }),
  )
  const runtime = ManagedRuntime.make(
    Layer.provideMerge(Layer.provide(engineLayer, ports), Layer.succeed(Clock.Clock, clock)),
  )
  return (effect) => runtime.runPromise(effect)
}

const steppingClock = (): Clock.Clock & { step(): void } => {
  let now = Date.UTC(2026, 0, 1)
  const nanos = () => BigInt(now) * 1_000_000n
  return {
    step: () => {
      now += 1_000
    },
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: () => Effect.void,
  }
}

const text = { type: "runtime", dataType: "text" } as const

export const makeStore = async (rootKey: Uint8Array) => {
  const { storage, dump } = dumpable(memoryStorage())
  const clock = steppingClock()
  // Meets the next commit once: what an engine does not see coming.
  let meet: ((partition: string, commit: Commit) => Promise<void>) | undefined
  const met: StorageAdapter = {
    ...storage,
    commit: async (partition, commit, options) => {
      const once = meet
      meet = undefined
      await once?.(partition, commit)
      return storage.commit(partition, commit, options)
    },
  }
  const runFirst = engineOn(met, rootKey, "first engine", clock)
  const runSecond = engineOn(storage, rootKey, "second engine", clock)
  const stepping =
    (run: Run): Run =>
    (effect) => {
      clock.step()
      return run(effect)
    }
  const first = stepping(runFirst)
  const second = stepping(runSecond)

  const workspaces = await first(Workspaces)
  const principals = await first(Principals)
  const tokens = await first(Tokens)
  const projects = await first(Projects)
  const environments = await first(Environments)
  const secrets = await first(Secrets)
  const vaults = await first(Vaults)
  const vaultSecrets = await first(VaultSecrets)
  const rotation = await first(Rotation)

  const { workspace, owner } = await first(
    workspaces.create({ slug: "ws_golden", name: "Golden \u{1F947} workspace", owner: "Ada" }),
  )
  const principal = await first(
    principals.create(owner, { name: "Builder", grants: [{ scope: { type: "workspace" }, permission: "admin" }] }),
  )
  const builder = { workspace: workspace.id, id: principal.id }
  const project = await first(projects.create(owner, { slug: "prj_golden", name: "Pr\u00fcfstand" }))
  const named = { project: "prj_golden" }
  const development = await first(environments.create(owner, { ...named, name: "development" }))
  const staging = await first(environments.create(owner, { ...named, name: "staging \u53f0" }))
  const scratch = await first(environments.create(owner, { ...named, name: "scratch" }))

  // What is told of every secret goes through here, so that the expectation is what was asked for.
  const held: Record<string, Expected["project"]["secrets"][number]> = Object.create(null)
  interface Wanted {
    readonly name: string
    readonly value: string
    readonly type: "runtime" | "build"
    readonly dataType: "text" | "json"
    readonly note?: string
  }
  const create = async (run: Run, where: readonly Named[], wanted: readonly Wanted[]): Promise<void> => {
    const request = { ...named, environments: where.map(({ id }) => id), secrets: wanted }
    // The service of the second engine is another one than that of the first.
    const created = await run(Effect.flatMap(Secrets, (service) => service.create(builder, request)))
    for (const { name, type, dataType, note = "", value } of wanted) {
      const id = created.find((secret) => secret.name === name)?.id ?? ""
      const values = where.map((environment) => ({ environment: environment.name, value }))
      const before = held[name]
      held[name] = before
        ? { ...before, values: [...before.values, ...values] }
        : { id, name, type, dataType, note, values }
    }
  }

  await create(
    first,
    [development, staging],
    [
      {
        ...text,
        name: "DATABASE_URL",
        value: "postgres://\u00fc\u{1F511}:\u65e5\u672c\u8a9e@db/\u202e",
        note: "\u30ce\u30fc\u30c8",
      },
      { ...text, name: "EMPTY", value: "" },
      { ...text, name: "NUL", value: "\u0000a\u0000", note: "a NUL on either side" },
      { name: "__proto__", value: '{"__proto__":{"polluted":true}}', type: "build", dataType: "json" },
      { ...text, name: "BOM", value: "\ufefftext\r\n" },
    ],
  )
  await create(first, [development, scratch], [{ ...text, name: "PARTLY_REMOVED", value: "stays in development" }])
  await create(first, [scratch], [{ ...text, name: "REMOVED", value: "goes with its environment" }])
  await first(rotation.rotate(owner, { ...named, environment: development.id }))
  await create(first, [development], [{ ...text, name: "AFTER_ROTATION", value: "under the second key" }])
  await first(environments.remove(owner, { ...named, environment: scratch.id }))
  delete held["REMOVED"]
  const partly = held["PARTLY_REMOVED"]
  if (partly) held["PARTLY_REMOVED"] = { ...partly, values: partly.values.slice(0, 1) }

  const vault = await first(vaults.create(owner, { name: "demo \u{1F510}", description: "for the golden store" }))
  const domains = ["*.B\u00dcCHER.example.", "api.example.com"]
  const pinned = { envKey: "API_KEY", value: "sk-\u{1F512}-golden", allowedDomains: domains }
  const pinnedSecret = await first(vaultSecrets.create(builder, vault.id, pinned))
  const unpinnedSecret = await first(vaultSecrets.create(builder, vault.id, { envKey: "_any", value: "anywhere" }))
  // Refused, because the vault is not empty: its keyset has been closed and opened again.
  await first(Effect.exit(vaults.remove(owner, vault.id)))
  await first(rotation.rotate(owner, { vault: vault.id }))
  const emptyVault = await first(vaults.create(owner, { name: "empty" }))
  await first(vaults.remove(owner, emptyVault.id))

  const grants = [{ scope: { type: "workspace" }, permission: "read-write" }] as const
  const live = await first(tokens.issue(owner, { name: "live", grants, expiresAt: new Date(Date.UTC(2126, 0, 1)) }))
  const given = `ek_live_${"golden-".repeat(6)}x`
  const revoked = await first(tokens.issue(builder, { name: "revoked", grants: [], token: given }))
  await first(tokens.revoke(builder, revoked.id))

  // A commit is refused, because another engine was faster: the chain names it later.
  meet = () => create(second, [staging], [{ ...text, name: "CONFLICT", value: "from the second engine" }])
  await create(first, [development], [{ ...text, name: "CONFLICT", value: "from the first engine" }])
  // A commit is lost, and before it is sent again another engine was faster: a void takes its receipt's place.
  meet = async () => {
    await create(second, [staging], [{ ...text, name: "FENCED", value: "from the second engine" }])
    throw Object.assign(new Error("the connection was lost"), { code: "UNKNOWN_OUTCOME" })
  }
  await create(first, [development], [{ ...text, name: "FENCED", value: "from the first engine" }])
  await first(secrets.get(owner, { ...named, name: "EMPTY" }))
  await first(secrets.list(owner, { ...named, environment: staging.id }))

  const inOrder = (secret: Expected["project"]["secrets"][number]) => ({
    ...secret,
    values: [...secret.values].sort((a, b) => (a.environment < b.environment ? -1 : 1)),
  })
  const expected: Expected = {
    workspace: { id: workspace.id, slug: workspace.slug, name: workspace.name, owner: owner.id },
    principal: { id: principal.id, name: principal.name },
    tokens: [
      { id: live.id, name: "live", text: reveal(live.token), maker: owner.id, revoked: false },
      { id: revoked.id, name: "revoked", text: given, maker: builder.id, revoked: true },
    ],
    project: {
      id: project.id,
      slug: project.slug,
      name: project.name,
      environments: [development, staging],
      secrets: Object.values(held)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(inOrder),
    },
    vault: {
      id: vault.id,
      name: vault.name,
      description: vault.description,
      secrets: [
        { id: pinnedSecret.id, name: "API_KEY", value: pinned.value, allowedDomains: pinnedSecret.allowedDomains },
        { id: unpinnedSecret.id, name: "_any", value: "anywhere", allowedDomains: [] },
      ],
    },
    removed: { environment: scratch.id, secret: "REMOVED", vault: emptyVault.id },
    audit: { actions, chains: 2, refused: 2, voids: 1 },
  }
  return { expected, store: await dump() }
}

/** What the story above leaves in the audit, in its order. */
const actions: readonly string[] = [
  "workspace.create",
  "principal.create",
  "project.create",
  "environment.create",
  "environment.create",
  "environment.create",
  "secret.create",
  "secret.create",
  "secret.create",
  "key.rotate",
  "secret.create",
  "environment.remove",
  "environment.sweep",
  "vault.create",
  "vault-secret.create",
  "vault-secret.create",
  "vault.close",
  "vault.reopen",
  "key.rotate",
  "vault.create",
  "vault.close",
  "vault.remove",
  "token.issue",
  "token.issue",
  "token.revoke",
  // Twice the second engine, and then the first.
  "secret.create",
  "secret.create",
  "secret.create",
  "secret.create",
  "secret.get",
  "secret.list",
]
