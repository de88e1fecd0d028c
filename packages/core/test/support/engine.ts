import { Cause, Clock, Effect, Layer, ManagedRuntime } from "effect"
import { localKeys } from "../../src/crypto/local-keys.ts"
import type { EngineError } from "../../src/domain/errors.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { AuditLog } from "../../src/services/audit-log.ts"
import { Directory } from "../../src/services/directory.ts"
import { Environments } from "../../src/services/environments.ts"
import { Principals } from "../../src/services/principals.ts"
import { Projects } from "../../src/services/projects.ts"
import { Rotation } from "../../src/services/rotation.ts"
import { Secrets } from "../../src/services/secrets.ts"
import { Tokens } from "../../src/services/tokens.ts"
import { VaultSecrets } from "../../src/services/vault-secrets.ts"
import { Vaults } from "../../src/services/vaults.ts"
import { Workspaces } from "../../src/services/workspaces.ts"
import { type Strongroom, type StrongroomOptions, strongroomLayer } from "../../src/strongroom.ts"

/** The root key of every test store. */
export const rootKeys = () => localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }])

const services = Effect.all({
  auditLog: AuditLog,
  directory: Directory,
  environments: Environments,
  principals: Principals,
  projects: Projects,
  rotation: Rotation,
  secrets: Secrets,
  tokens: Tokens,
  vaultSecrets: VaultSecrets,
  vaults: Vaults,
  workspaces: Workspaces,
})

/**
 * The engine with the methods of its facade, on a clock that the test holds. Unlike the facade it passes defects on,
 * so that a test sees them.
 */
export const openEngine = async (
  storage: StorageAdapter,
  clock: Clock.Clock,
  options: Omit<StrongroomOptions, "storage" | "keys"> = {},
): Promise<Strongroom> => {
  const layer = strongroomLayer({ ...options, storage, keys: rootKeys() })
  const runtime = ManagedRuntime.make(Layer.provideMerge(layer, Layer.succeed(Clock.Clock, clock)))
  const settle = <A, E>(exit: { _tag: "Success"; value: A } | { _tag: "Failure"; cause: Cause.Cause<E> }): A => {
    if (exit._tag === "Success") return exit.value
    throw Cause.squash(exit.cause)
  }
  const on =
    <Args extends readonly unknown[], A>(method: (...args: Args) => Effect.Effect<A, EngineError>) =>
    async (...args: Args): Promise<A> =>
      settle(await runtime.runPromiseExit(method(...args)))

  const { auditLog, directory, environments, principals, projects, rotation, secrets, tokens, ...vaulted } = settle(
    await runtime.runPromiseExit(services),
  )
  const { vaultSecrets, vaults, workspaces } = vaulted
  return {
    workspaces: { create: on(workspaces.create), find: on(workspaces.find) },
    principals: { create: on(principals.create), get: on(principals.get), setGrants: on(principals.setGrants) },
    tokens: {
      issue: on(tokens.issue),
      list: on(tokens.list),
      revoke: on(tokens.revoke),
      identify: on(tokens.identify),
      verify: on(tokens.verify),
    },
    projects: { create: on(projects.create), get: on(projects.get), list: on(projects.list) },
    environments: { create: on(environments.create), list: on(environments.list), remove: on(environments.remove) },
    secrets: { create: on(secrets.create), list: on(secrets.list), get: on(secrets.get) },
    vaults: {
      create: on(vaults.create),
      list: on(vaults.list),
      remove: on(vaults.remove),
      secrets: { create: on(vaultSecrets.create), list: on(vaultSecrets.list) },
    },
    keys: { rotate: on(rotation.rotate) },
    audit: { list: on(auditLog.list) },
    ping: on(() => directory.ping),
    close: () => runtime.dispose(),
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
}
