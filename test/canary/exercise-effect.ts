import { randomBytes } from "node:crypto"
import { inspect } from "node:util"
import {
  AuditLog,
  Crypto,
  cipher,
  Directory,
  type EngineError,
  type EngineServices,
  Environments,
  engineLayer,
  Principals,
  Projects,
  Releases,
  RootKeys,
  Rotation,
  Secrets,
  Settings,
  type StorageAdapter,
  type Strongroom,
  storageLayer,
  Tokens,
  VaultSecrets,
  Vaults,
  Workspaces,
} from "@strongroom/core"
import { Cause, Effect, Layer, ManagedRuntime, Tracer } from "effect"
import type { MarkerName } from "./markers.ts"
import { loggerOf, markedKeys, watched } from "./stage.ts"
import type { Traces } from "./traces.ts"

/** Spans whose result is there to be returned; a note is text that people read. */
const returnsOf = (name: string): readonly MarkerName[] => (/^Secrets\.(get|list)$/.test(name) ? ["note"] : [])

/** Notes a span when it ends, with all that an exporter could send: attributes, events, links and how it ended. */
class NotedSpan extends Tracer.NativeSpan {
  readonly #traces: Traces

  constructor(options: ConstructorParameters<typeof Tracer.NativeSpan>[0], traces: Traces) {
    super(options)
    this.#traces = traces
  }

  override end(...[endTime, exit]: Parameters<Tracer.NativeSpan["end"]>): void {
    super.end(endTime, exit)
    const returns = exit._tag === "Success" ? returnsOf(this.name) : []
    const { name, kind, attributes, events, links, annotations } = this
    this.#traces.print("span", name, { name, kind, attributes, events, links, annotations, exit }, returns)
    if (exit._tag === "Failure") this.#traces.add("span", name, `${Cause.pretty(exit.cause)} ${inspect(exit.cause)}`)
  }
}

const services = Effect.all({
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

/**
 * The engine as Effect layers under a tracer that notes every span, in the form of the facade. `drawn` are the random
 * bytes that became keys.
 */
export const openTraced = async (storage: StorageAdapter, traces: Traces) => {
  const drawn: Uint8Array[] = []
  const logger = loggerOf(traces)
  const random = (length: number): Uint8Array => {
    const bytes = new Uint8Array(randomBytes(length))
    // Keys have 32 bytes; nonces and ids have fewer and are no secret.
    for (let at = 0; at + 32 <= length; at += 32) drawn.push(bytes.slice(at, at + 32))
    return bytes
  }
  const ports = Layer.mergeAll(
    storageLayer(watched(storage, traces), logger),
    Layer.succeed(RootKeys, markedKeys()),
    Layer.succeed(Crypto, { cipher, random }),
    Layer.succeed(Settings, { auditReads: true, valuesPerRequest: 1_000, logger }),
  )
  const tracer = Tracer.make({ span: (options) => new NotedSpan(options, traces) })
  const runtime = ManagedRuntime.make(
    Layer.provideMerge(Layer.provide(engineLayer, ports), Layer.succeed(Tracer.Tracer, tracer)),
  )
  const run = async <A>(effect: Effect.Effect<A, EngineError, EngineServices>): Promise<A> => {
    const exit = await runtime.runPromiseExit(effect)
    if (exit._tag === "Success") return exit.value
    traces.print("span", "cause", exit.cause)
    throw Cause.squash(exit.cause)
  }
  const on =
    <Args extends readonly unknown[], A>(method: (...args: Args) => Effect.Effect<A, EngineError>) =>
    (...args: Args): Promise<A> =>
      run(method(...args))
  const { auditLog, directory, environments, principals, projects, rotation, secrets, tokens, ...rest } =
    await runtime.runPromise(services)
  const { releases, vaultSecrets, vaults, workspaces } = rest
  const strongroom: Strongroom = {
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
      secrets: {
        create: on(vaultSecrets.create),
        list: on(vaultSecrets.list),
        update: on(vaultSecrets.update),
        remove: on(vaultSecrets.remove),
        release: on(releases.release),
      },
    },
    keys: { rotate: on(rotation.rotate) },
    audit: { list: on(auditLog.list) },
    ping: on(() => directory.ping),
    close: () => runtime.dispose(),
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
  return { strongroom, drawn, runtime, ports, services: await runtime.runPromise(services) }
}
