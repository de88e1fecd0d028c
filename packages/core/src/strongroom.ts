import { Cause, Context, Effect, type Exit, Layer, ManagedRuntime, References, Schema } from "effect"
import { noncePool } from "./crypto/nonce-pool.ts"
import { cipher } from "./crypto/xchacha.ts"
import { type EngineError, isStrongroomError, StrongroomError } from "./domain/errors.ts"
import { decodeInput } from "./domain/fields.ts"
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
  ReleasedSecret,
  ReleaseOptions,
  Secret,
  SecretInput,
  StoredPrincipal,
  Vault,
  VaultSecret,
  VaultSecretChanges,
  Workspace,
} from "./domain/model.ts"
import type { Grant, Principal } from "./domain/permission.ts"
import { canonicalDomain } from "./domains.ts"
import { allServices, facadeOver } from "./facade.ts"
import type { KeyProvider } from "./ports/keys.ts"
import { type Logger, neverThrowing, silentLogger } from "./ports/logger.ts"
import { Crypto, RootKeys, Settings } from "./ports/services.ts"
import type { StorageAdapter } from "./ports/storage.ts"
import { attempt } from "./services/attempt.ts"
import { type EngineServices, engineLayer } from "./services/layers.ts"
import { storageLayer } from "./services/storage.ts"

export interface StrongroomOptions {
  /** Where records are kept. `close()` closes it, and so does an opening that fails. */
  readonly storage: StorageAdapter
  /** What wraps the workspaces' keys. */
  readonly keys: KeyProvider
  /** Silent by default. */
  readonly logger?: Logger
  /** `reads: false` turns off the audit entry that every disclosure of a value commits first. */
  readonly audit?: { readonly reads?: boolean }
  /** `valuesPerRequest`: environments × secrets that one create may name (default 1,000). */
  readonly limits?: { readonly valuesPerRequest?: number }
  /** Refuses vault secrets without allowed domains, on every write of one. What is stored stays usable. Default: false. */
  readonly requireAllowedDomains?: boolean
  /**
   * Suffixes under which others can get a name (`github.io`), in canonical form, that a wildcard may cover all the same.
   * Public suffixes (`com`, `co.uk`) stay refused. Holds for writes and for releases. Default: none.
   */
  readonly sharedSuffixes?: readonly string[]
  /** What the `*` of an allowed domain stands for: `any-depth` (the default) or `one-label`, as RFC 9525 has it. */
  readonly wildcard?: "any-depth" | "one-label"
}

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
      /**
       * Changes the value, the allowed domains or both; needs `read-write` on the vault. What changes nothing writes
       * nothing. Letting a host have the value that could not before is audited as `vault-secret.widen`.
       */
      update(principal: Principal, vault: string, secret: string, changes: VaultSecretChanges): Promise<VaultSecret>
      remove(principal: Principal, vault: string, secret: string): Promise<void>
      /**
       * The value, for a target (a URL, `host` or `host:port`) that its allowed domains cover; else `RELEASE_DENIED` with
       * `details.reason`. Either is audited first, whatever `audit.reads` says. Needs `read` on the vault, or `use` for
       * `purpose: "forward"`.
       */
      release(
        principal: Principal,
        vault: string,
        envKey: string,
        target: string,
        options?: ReleaseOptions,
      ): Promise<ReleasedSecret>
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

const hasMethods = (input: unknown, ...names: readonly string[]): boolean =>
  typeof input === "object" &&
  input !== null &&
  names.every((name) => name in input && typeof Reflect.get(input, name) === "function")

const withMethods = (rule: string, ...names: readonly string[]) =>
  Schema.Unknown.check(Schema.makeFilter((input) => hasMethods(input, ...names) || rule))

const isCanonicalHost = (suffix: string): boolean => {
  const result = canonicalDomain(suffix)
  return result.ok && result.domain === suffix && !suffix.startsWith("*.")
}

const checkOptions = decodeInput(
  Schema.Struct({
    storage: withMethods("must be a storage adapter", "read", "list", "commit", "close"),
    keys: withMethods("must be a key provider", "wrap", "unwrap"),
    logger: Schema.optional(withMethods("must be a logger", "debug", "info", "warn", "error")),
    audit: Schema.optional(Schema.Struct({ reads: Schema.optional(Schema.Boolean) })),
    limits: Schema.optional(
      Schema.Struct({
        valuesPerRequest: Schema.optional(
          Schema.Number.check(
            Schema.makeFilter((n) => (Number.isSafeInteger(n) && n >= 1) || "must be a whole number of at least 1"),
          ),
        ),
      }),
    ),
    requireAllowedDomains: Schema.optional(Schema.Boolean),
    sharedSuffixes: Schema.optional(
      Schema.Array(
        Schema.String.check(
          Schema.makeFilter((suffix) => isCanonicalHost(suffix) || "must be a domain in canonical form, without '*.'"),
        ),
      ),
    ),
    wildcard: Schema.optional(Schema.Literals(["any-depth", "one-label"])),
  }),
)

/** What the engine runs on, as layers. Throws `INVALID_INPUT`. */
const portsLayer = (options: StrongroomOptions) => {
  checkOptions(options)
  const { storage, keys, audit, limits, requireAllowedDomains, sharedSuffixes, wildcard } = options
  const logger = neverThrowing(options.logger ?? silentLogger)
  const pool = noncePool()
  return Layer.mergeAll(
    storageLayer(storage, logger),
    Layer.succeed(RootKeys, keys),
    Layer.succeed(Crypto, { cipher, random: (length) => pool.take(length) }),
    Layer.succeed(Settings, {
      auditReads: audit?.reads ?? true,
      valuesPerRequest: limits?.valuesPerRequest ?? 1_000,
      allowedDomains: {
        required: requireAllowedDomains ?? false,
        sharedSuffixes: [...(sharedSuffixes ?? [])],
        wildcard: wildcard ?? "any-depth",
      },
      logger,
    }),
  )
}

/** The engine over these options as an Effect layer, for programs that are Effects themselves. */
export const strongroomLayer = (options: StrongroomOptions): Layer.Layer<EngineServices, EngineError> =>
  Layer.unwrap(attempt(() => Layer.provide(engineLayer, portsLayer(options))))

/** Where a defect was thrown. Its message may quote anything, in any number of lines, so the stack's head is cut off. */
const placeOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  const head = Error.prototype.toString.call(error)
  return error.stack?.startsWith(head) ? error.stack.slice(head.length) : undefined
}

/** A caller of promises has no tracer to give. */
const runUntraced = Effect.runPromiseExitWith(Context.make(References.TracerEnabled, false))

/**
 * Opens the store in `storage`, or makes one where there is none.
 *
 * Rejects with `ROOT_KEY_UNKNOWN` when the store was made with another root key, `FORMAT_UNSUPPORTED` when a newer
 * release made it, `INTEGRITY` when it was changed by somebody else, or a storage error.
 */
export const openStrongroom = async (options: StrongroomOptions): Promise<Strongroom> => {
  const logger = neverThrowing(options?.logger ?? silentLogger)
  const runtime = ManagedRuntime.make(strongroomLayer(options))
  let running = 0
  let closing: Promise<void> | undefined
  let idle = () => {}

  const settle = async <A>(running: Promise<Exit.Exit<A, EngineError>>): Promise<A> => {
    const exit = await running
    if (exit._tag === "Success") return exit.value
    const error = Cause.squash(exit.cause)
    if (isStrongroomError(error)) throw error
    logger.error("a defect", { kind: error instanceof Error ? error.name : typeof error, at: placeOf(error) })
    throw new StrongroomError("INTERNAL", "Strongroom has met a fault of its own; its log says where")
  }

  // Not by the runtime, which would register every call so that its disposal can interrupt it: `close` waits for all.
  const run = async <A>(effect: Effect.Effect<A, EngineError>): Promise<A> => {
    if (closing !== undefined) throw new StrongroomError("CLOSED", "this engine is closed")
    running++
    try {
      return await settle(runUntraced(effect))
    } finally {
      running--
      if (running === 0) idle()
    }
  }

  const close = async (): Promise<void> => {
    if (running > 0) await new Promise<void>((resolve) => (idle = resolve))
    await runtime.dispose()
  }

  const services = await settle(runtime.runPromiseExit(allServices)).catch(async (error: unknown) => {
    await runtime.dispose()
    throw error
  })

  return facadeOver(services, run, () => (closing ??= close()))
}
