import { randomBytes } from "node:crypto"
import { cipher, localKeys, memoryStorage, openStrongroom, type Principal, type StorageAdapter } from "@strongroom/core"

/** An engine with one workspace, project, environment and vault. */
export interface World {
  readonly engine: Awaited<ReturnType<typeof openStrongroom>>
  readonly principal: Principal
  readonly project: string
  readonly environment: string
  readonly vault: string
}

export const textOf = (bytes: number): string => randomBytes(bytes).toString("base64").slice(0, bytes)

export const openWorld = async (
  options: { readonly storage?: StorageAdapter; readonly auditReads?: boolean; readonly slug?: string } = {},
): Promise<World> => {
  const engine = await openStrongroom({
    storage: options.storage ?? memoryStorage(),
    keys: localKeys([{ id: "bench", key: new Uint8Array(32).fill(7) }]),
    audit: { reads: options.auditReads ?? false },
    limits: { valuesPerRequest: 100_000 },
  })
  const { workspace } = await engine.workspaces.create({ slug: options.slug ?? "bench", name: "Bench" })
  // As an embedding service asks: it has authenticated its user and vouches for the grants.
  const principal: Principal = {
    workspace: workspace.id,
    id: "host",
    grants: [{ scope: { type: "workspace" }, permission: "admin" }],
  }
  const project = (await engine.projects.create(principal, { slug: "bench", name: "Bench" })).id
  const environment = (await engine.environments.create(principal, { project, name: "production" })).id
  const vault = (await engine.vaults.create(principal, { name: "bench" })).id
  return { engine, principal, project, environment, vault }
}

export const nameOf = (index: number): string => `S${index}`

/** One request with one secret in one environment for each name. */
export const create = ({ engine, principal, project, environment }: World, names: readonly string[], value: string) =>
  engine.secrets.create(principal, {
    project,
    environments: [environment],
    secrets: names.map((name) => ({ name, value, type: "runtime", dataType: "text" })),
  })

export const read = ({ engine, principal, project, environment }: World, name: string) =>
  engine.secrets.get(principal, { project, environment, name })

/** What one operation asks of the cipher. */
export interface CipherCall {
  readonly kind: "seal" | "open"
  readonly plaintext: number
  readonly associatedData: number
}

const tagLength = 16

/** The seals and opens of one operation, in order. */
export const cipherCallsOf = async (operation: () => Promise<unknown>): Promise<readonly CipherCall[]> => {
  const calls: CipherCall[] = []
  const { seal, open } = cipher
  Object.assign(cipher, {
    seal: (...given: Parameters<typeof seal>) => {
      calls.push({ kind: "seal", plaintext: given[2].length, associatedData: given[3].length })
      return seal(...given)
    },
    open: (...given: Parameters<typeof open>) => {
      calls.push({ kind: "open", plaintext: given[2].length - tagLength, associatedData: given[3].length })
      return open(...given)
    },
  } satisfies typeof cipher)
  try {
    await operation()
  } finally {
    Object.assign(cipher, { seal, open })
  }
  return calls
}

/** The same seals and opens with the same primitive and nothing around them: what no engine can do without. */
export const replay = (calls: readonly CipherCall[]): (() => void) => {
  const key = randomBytes(32)
  const prepared = calls.map(({ kind, plaintext, associatedData }) => {
    const [nonce, text, data] = [randomBytes(24), randomBytes(plaintext), randomBytes(associatedData)]
    const sealed = cipher.seal(key, nonce, text, data)
    return kind === "seal" ? () => cipher.seal(key, nonce, text, data) : () => cipher.open(key, nonce, sealed, data)
  })
  return () => {
    for (const call of prepared) call()
  }
}
