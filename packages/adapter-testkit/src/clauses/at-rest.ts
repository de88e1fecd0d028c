/** What lies in the store, by core's engine on the adapter. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { localKeys, openStrongroom, reveal, type StorageAdapter } from "@strongroom/core"
import { mustCommit } from "../calls.ts"
import type { Clause } from "../clause.ts"
import { at, put } from "../records.ts"

/** What nobody may find in a store. */
export const plaintexts = {
  slug: "plain-slug-of-workspace",
  workspace: "Plain name of workspace",
  project: "plain-slug-of-project",
  environment: "plain-environment",
  name: "PLAIN_NAME_OF_SECRET",
  value: "plain value of a secret",
  note: "plain note of a secret",
  vault: "Plain name of vault",
  envKey: "PLAIN_NAME_IN_VAULT",
  vaultValue: "plain value in a vault",
  domain: "plain-domain.example.com",
} as const

/** As it is, and in the encodings that text-only stores use; base64 of a text depends on where in the bytes it begins. */
const encodings = (needle: Uint8Array): Buffer[] => {
  const base64 = [0, 1, 2].flatMap((offset) => {
    const from = (3 - offset) % 3
    const whole = Buffer.from(needle).subarray(from, from + Math.floor((needle.length - from) / 3) * 3)
    return [whole.toString("base64"), whole.toString("base64url")]
  })
  const hex = Buffer.from(needle).toString("hex")
  const utf16 = Buffer.from(Buffer.from(needle).toString("latin1"), "utf16le")
  return [Buffer.from(needle), utf16, ...[hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text))]
}

const occurs = (needle: Uint8Array, pieces: readonly Uint8Array[]): boolean =>
  encodings(needle).some((form) =>
    pieces.some((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.length).includes(form)),
  )

/** One of everything that has a name or a value, and what the engine then reads of it. */
const useEngine = async (storage: StorageAdapter): Promise<void> => {
  // The clause closes the storage itself, when it has looked.
  const kept: StorageAdapter = {
    limits: storage.limits,
    capabilities: storage.capabilities,
    read: (partition, addresses, options) => storage.read(partition, addresses, options),
    list: (partition, collection, options) => storage.list(partition, collection, options),
    commit: (partition, commit, options) => storage.commit(partition, commit, options),
    close: async () => {},
  }
  const engine = await openStrongroom({
    storage: kept,
    keys: localKeys([{ id: "k", key: new Uint8Array(32).fill(7) }]),
  })
  const plain = plaintexts
  const { owner } = await engine.workspaces.create({ slug: plain.slug, name: plain.workspace })
  await engine.projects.create(owner, { slug: plain.project, name: "project" })
  const environment = await engine.environments.create(owner, { project: plain.project, name: plain.environment })
  await engine.secrets.create(owner, {
    project: plain.project,
    environments: [environment.id],
    secrets: [{ name: plain.name, value: plain.value, type: "runtime", dataType: "text", note: plain.note }],
  })
  const vault = await engine.vaults.create(owner, { name: plain.vault })
  await engine.vaults.secrets.create(owner, vault.id, {
    envKey: plain.envKey,
    value: plain.vaultValue,
    allowedDomains: [plain.domain],
  })
  const [secret] = await engine.secrets.list(owner, { project: plain.project, environment: environment.id })
  assert.equal(secret?.name, plain.name)
  assert.ok(secret?.values[0] !== undefined && reveal(secret.values[0].value) === plain.value)
  const [found] = await engine.vaults.secrets.list(owner, vault.id)
  assert.deepEqual([found?.envKey, found?.allowedDomains], [plain.envKey, [plain.domain]])
  await engine.close()
}

export const atRest: readonly Clause[] = [
  {
    id: "engine-story",
    title: "keeps what the engine makes: workspaces, projects, environments, secrets and vaults",
    run: ({ storage }) => useEngine(storage),
  },
  {
    id: "at-rest-as-given",
    title: "stores the bytes that it was given",
    needs: "peek",
    async run(subject) {
      const given = randomBytes(64)
      assert.ok(!occurs(given, await subject.peek()))
      await mustCommit(subject.storage, "p", [put(at("a"), given)])
      assert.ok(occurs(given, await subject.peek()), "peek() does not show the bytes of a record that was committed")
    },
  },
  {
    id: "at-rest-sealed",
    title: "holds, when the engine has used it, neither a value nor a name in plain text",
    needs: "peek",
    async run(subject) {
      await useEngine(subject.storage)
      const control = randomBytes(64)
      await mustCommit(subject.storage, "p", [put(at("control"), control)])
      const pieces = await subject.peek()
      assert.ok(occurs(control, pieces), "peek() does not show the bytes of a record that was committed")
      const found = Object.entries(plaintexts).filter(([, plain]) => occurs(Buffer.from(plain), pieces))
      assert.deepEqual(
        found.map(([what]) => what),
        [],
      )
    },
  },
]
