import { Layer } from "effect"
import type { EngineError } from "../domain/errors.ts"
import type { Crypto, RootKeys, Settings, Storage } from "../ports/services.ts"
import { AuditLog } from "./audit-log.ts"
import { Committer } from "./committer.ts"
import { Directory } from "./directory.ts"
import { Environments } from "./environments.ts"
import { Keyring } from "./keyring.ts"
import { Locator } from "./locator.ts"
import { Principals } from "./principals.ts"
import { Projects } from "./projects.ts"
import { Releases } from "./releases.ts"
import { Rotation } from "./rotation.ts"
import { Secrets } from "./secrets.ts"
import { Sessions } from "./sessions.ts"
import { Tokens } from "./tokens.ts"
import { Transactions } from "./transactions.ts"
import { VaultSecrets } from "./vault-secrets.ts"
import { Vaults } from "./vaults.ts"
import { Workspaces } from "./workspaces.ts"

/** What the engine offers. */
export type EngineServices =
  | AuditLog
  | Directory
  | Environments
  | Principals
  | Projects
  | Releases
  | Rotation
  | Secrets
  | Tokens
  | VaultSecrets
  | Vaults
  | Workspaces

const useCases = Layer.mergeAll(
  AuditLog.layer,
  Environments.layer,
  Principals.layer,
  Projects.layer,
  Releases.layer,
  Rotation.layer,
  Secrets.layer,
  Tokens.layer,
  VaultSecrets.layer,
  Vaults.layer,
  Workspaces.layer,
)

/** Every use case over the four ports. Building it opens the store, or makes one where there is none. */
export const engineLayer: Layer.Layer<EngineServices, EngineError, Crypto | RootKeys | Settings | Storage> =
  useCases.pipe(
    Layer.provideMerge(Layer.mergeAll(Sessions.layer, Locator.layer)),
    Layer.provideMerge(Directory.layer),
    Layer.provideMerge(Transactions.layer),
    Layer.provideMerge(Layer.mergeAll(Keyring.layer, Committer.layer)),
  )
