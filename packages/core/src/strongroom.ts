import type {
  ApiToken,
  AuditPage,
  Compartment,
  CreateSecrets,
  Environment,
  GetSecret,
  IssuedToken,
  ListSecrets,
  NewToken,
  NewVaultSecret,
  Project,
  Secret,
  SecretInput,
  StoredPrincipal,
  Vault,
  VaultSecret,
  Workspace,
} from "./domain/model.ts"
import type { Grant, Principal } from "./domain/permission.ts"

/** The engine as plain promises. Every method rejects with `StrongroomError` and with nothing else. */
export interface Strongroom {
  readonly workspaces: {
    /** Makes a workspace and its owner, a stored principal with `admin` on all of it. The host process is the authority. */
    create(input: { slug: string; name: string; owner?: string }): Promise<{ workspace: Workspace; owner: Principal }>
    find(slugOrId: string): Promise<Workspace | undefined>
  }
  readonly principals: {
    create(principal: Principal, input: { name: string; grants: readonly Grant[] }): Promise<StoredPrincipal>
    get(principal: Principal, id: string): Promise<StoredPrincipal>
    setGrants(principal: Principal, id: string, grants: readonly Grant[]): Promise<StoredPrincipal>
  }
  readonly tokens: {
    issue(principal: Principal, input: NewToken): Promise<IssuedToken>
    list(principal: Principal): Promise<readonly ApiToken[]>
    revoke(principal: Principal, id: string): Promise<void>
    /**
     * Whom the token stands for: looks at its form and its pointer only (cached), so that a request costs no extra
     * read. Whether it is expired or revoked is decided by every operation in its own snapshot (`UNAUTHENTICATED`).
     */
    identify(token: SecretInput): Promise<Principal | undefined>
    /** Rejects with `UNAUTHENTICATED` unless the principal's token (if it has one) and maker are valid now. */
    verify(principal: Principal): Promise<void>
  }
  readonly projects: {
    create(principal: Principal, input: { slug: string; name: string }): Promise<Project>
    get(principal: Principal, project: string): Promise<Project>
    list(principal: Principal): Promise<readonly Project[]>
  }
  readonly environments: {
    create(principal: Principal, input: { project: string; name: string }): Promise<Environment>
    /** Those the principal may see, sorted by name. */
    list(principal: Principal, input: { workspace?: string; project: string }): Promise<readonly Environment[]>
    /** Removes the environment, its key and so, at once, every value in it. */
    remove(principal: Principal, input: { project: string; environment: string }): Promise<void>
  }
  readonly secrets: {
    /** All environments × secrets in one atomic commit, or nothing. */
    create(principal: Principal, input: CreateSecrets): Promise<readonly { id: string; name: string }[]>
    /** Sorted by name. Audited before it resolves, unless `audit.reads` is off. */
    list(principal: Principal, input: ListSecrets): Promise<readonly Secret[]>
    get(principal: Principal, input: GetSecret): Promise<Secret>
  }
  readonly vaults: {
    create(principal: Principal, input: { name: string; description?: string }): Promise<Vault>
    list(principal: Principal): Promise<readonly Vault[]>
    /** Only an empty vault can be removed: `VAULT_NOT_EMPTY` otherwise. */
    remove(principal: Principal, vault: string): Promise<void>
    readonly secrets: {
      create(principal: Principal, vault: string, input: NewVaultSecret): Promise<VaultSecret>
      /** In the order of creation. Values are never part of it. */
      list(principal: Principal, vault: string): Promise<readonly VaultSecret[]>
    }
  }
  readonly keys: {
    /** Gives the compartment a new data key for all later writes; what is stored stays readable under the old one. */
    rotate(principal: Principal, compartment: Compartment): Promise<void>
  }
  readonly audit: {
    /** Needs `admin` on the workspace. Oldest first; `limit` 1–1,000 (default 100). */
    list(principal: Principal, input?: { after?: string; limit?: number }): Promise<AuditPage>
  }
  /** Reads from storage and rejects when that fails. */
  ping(): Promise<void>
  /** Waits for running operations, erases the keys and closes the storage. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
