import { Effect } from "effect"
import type { EngineError } from "./domain/errors.ts"
import { AuditLog } from "./services/audit-log.ts"
import { Directory } from "./services/directory.ts"
import { Environments } from "./services/environments.ts"
import { Principals } from "./services/principals.ts"
import { Projects } from "./services/projects.ts"
import { Releases } from "./services/releases.ts"
import { Rotation } from "./services/rotation.ts"
import { Secrets } from "./services/secrets.ts"
import { Tokens } from "./services/tokens.ts"
import { VaultSecrets } from "./services/vault-secrets.ts"
import { Vaults } from "./services/vaults.ts"
import { Workspaces } from "./services/workspaces.ts"
import type { Strongroom } from "./strongroom.ts"

/** Everything that the facade hands on. */
export const allServices = Effect.all({
  auditLog: AuditLog,
  directory: Directory,
  environments: Environments,
  principals: Principals,
  projects: Projects,
  releases: Releases,
  rotation: Rotation,
  secrets: Secrets,
  tokens: Tokens,
  vaultSecrets: VaultSecrets,
  vaults: Vaults,
  workspaces: Workspaces,
})

/** The services as promises: `run` settles an effect, `close` ends what it runs on. */
export const facadeOver = (
  services: Effect.Success<typeof allServices>,
  run: <A>(effect: Effect.Effect<A, EngineError>) => Promise<A>,
  close: () => Promise<void>,
): Strongroom => {
  const promised =
    <Args extends readonly unknown[], A>(method: (...args: Args) => Effect.Effect<A, EngineError>) =>
    (...args: Args): Promise<A> =>
      run(method(...args))

  const { auditLog, directory, environments, principals, projects, rotation, secrets, tokens } = services
  const { releases, vaultSecrets, vaults, workspaces } = services
  return {
    workspaces: { create: promised(workspaces.create), find: promised(workspaces.find) },
    principals: {
      create: promised(principals.create),
      get: promised(principals.get),
      setGrants: promised(principals.setGrants),
    },
    tokens: {
      issue: promised(tokens.issue),
      list: promised(tokens.list),
      revoke: promised(tokens.revoke),
      identify: promised(tokens.identify),
      verify: promised(tokens.verify),
    },
    projects: { create: promised(projects.create), get: promised(projects.get), list: promised(projects.list) },
    environments: {
      create: promised(environments.create),
      list: promised(environments.list),
      remove: promised(environments.remove),
    },
    secrets: { create: promised(secrets.create), list: promised(secrets.list), get: promised(secrets.get) },
    vaults: {
      create: promised(vaults.create),
      list: promised(vaults.list),
      remove: promised(vaults.remove),
      secrets: {
        create: promised(vaultSecrets.create),
        list: promised(vaultSecrets.list),
        update: promised(vaultSecrets.update),
        remove: promised(vaultSecrets.remove),
        release: promised(releases.release),
      },
    },
    keys: { rotate: promised(rotation.rotate) },
    audit: { list: promised(auditLog.list) },
    ping: () => run(directory.ping),
    close,
    [Symbol.asyncDispose]: close,
  }
}
