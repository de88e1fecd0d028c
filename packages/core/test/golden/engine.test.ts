import { describe, expect, it } from "vitest"
import { DataKeys, dataKey, derive } from "../../src/crypto/data-key.ts"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { nobleCipher, opensslCipher } from "../../src/crypto/xchacha.ts"
import { reveal } from "../../src/domain/fields.ts"
import type { Secret } from "../../src/domain/model.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { BlindIndex } from "../../src/records/blind-index.ts"
import { layout } from "../../src/records/layout.ts"
import { openRecord, sealRecord } from "../../src/records/sealed-record.ts"
import { openWorkspaceKeys, sealWorkspaceKeys, splitWorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { chainLink } from "../../src/services/audit-chain.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { openStrongroom, type Strongroom } from "../../src/strongroom.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { dumpable, load, readGoldenStore, readVectors } from "./files.ts"
import { makeStore } from "./make-store.ts"
import { unhex } from "./make-vectors.ts"
import { openStore } from "./second-store.ts"

const { expected, rootKey, store } = readGoldenStore()
const root = Buffer.from(rootKey, "base64")
const owner = { workspace: expected.workspace.id, id: expected.workspace.owner }
const named = { project: expected.project.slug }
const [development, staging] = expected.project.environments

const openOn = (storage: StorageAdapter): Promise<Strongroom> =>
  openStrongroom({ storage, keys: localKeys([{ id: "any label", key: new Uint8Array(root) }]) })

const openGolden = async () => {
  const { storage, dump } = dumpable(memoryStorage())
  await load(store, storage)
  return { strongroom: await openOn(storage), dump }
}

const told = ({ id, name, type, dataType, note, values }: Secret) => ({
  id,
  name,
  type,
  dataType,
  note,
  values: values.map(({ environment, value }) => ({
    environment: expected.project.environments.find(({ id: known }) => known === environment)?.name,
    value: reveal(value),
  })),
})

const expectAsWritten = async (strongroom: Strongroom): Promise<void> => {
  for (const secret of expected.project.secrets) {
    expect(told(await strongroom.secrets.get(owner, { ...named, name: secret.name }))).toEqual(secret)
  }
}

describe("the engine on the golden store", () => {
  it("reads back what was put into it", async () => {
    const { strongroom } = await openGolden()
    expect(await strongroom.workspaces.find("ws_golden")).toMatchObject(expected.workspace)
    expect(await strongroom.projects.list(owner)).toMatchObject([
      { id: expected.project.id, slug: expected.project.slug, name: expected.project.name },
    ])
    expect(await strongroom.environments.list(owner, named)).toEqual(expected.project.environments)
    expect((await strongroom.secrets.list(owner, named)).map(told)).toEqual(expected.project.secrets)
    await expectAsWritten(strongroom)
    expect(await strongroom.principals.get(owner, expected.principal.id)).toMatchObject(expected.principal)
    const { id, name, description, secrets } = expected.vault
    expect(await strongroom.vaults.list(owner)).toMatchObject([{ id, name, description, secretCount: 2 }])
    expect(
      (await strongroom.vaults.secrets.list(owner, id)).map((secret) => [
        secret.id,
        secret.envKey,
        secret.allowedDomains,
      ]),
    ).toEqual(secrets.map((secret) => [secret.id, secret.name, secret.allowedDomains]))
    await strongroom.close()
  })

  it("knows its tokens: the living one reads, the revoked one does not", async () => {
    const { strongroom } = await openGolden()
    for (const { id, text, maker, revoked } of expected.tokens) {
      const principal = await strongroom.tokens.identify(text)
      if (principal === undefined) throw new Error(id)
      expect(principal).toEqual({ workspace: expected.workspace.id, id: maker, token: id })
      const outcome = await outcomeOf(strongroom.secrets.get(principal, { ...named, name: "EMPTY" }))
      expect(codeOf(outcome)).toBe(revoked ? "UNAUTHENTICATED" : "ok")
    }
    await strongroom.close()
  })

  it("tells its audit", async () => {
    const { strongroom } = await openGolden()
    const { entries, next } = await strongroom.audit.list(owner, { limit: 1_000 })
    expect(entries.map(({ action }) => action)).toEqual(expected.audit.actions)
    expect(next).toBeUndefined()
    await strongroom.close()
  })

  it("does not find what was removed", async () => {
    const { strongroom } = await openGolden()
    const { environment, secret, vault } = expected.removed
    const codes = await Promise.all(
      [
        strongroom.secrets.list(owner, { ...named, environment }),
        strongroom.secrets.get(owner, { ...named, name: secret }),
        strongroom.vaults.secrets.list(owner, vault),
      ].map(async (call) => codeOf(await outcomeOf<unknown>(call))),
    )
    expect(codes).toEqual(["ENVIRONMENT_NOT_FOUND", "SECRET_NOT_FOUND", "VAULT_NOT_FOUND"])
    await strongroom.close()
  })

  it("writes to it, and both it and the second decoder read old and new", async () => {
    const { strongroom, dump } = await openGolden()
    const where = [development?.id ?? "", staging?.id ?? ""]
    const added = { name: "ADDED", value: "\u{1F195}", type: "runtime", dataType: "text" } as const
    await strongroom.secrets.create(owner, { ...named, environments: where, secrets: [added] })
    await strongroom.keys.rotate(owner, { ...named, environment: where[0] ?? "" })
    const later = { ...added, name: "LATER" }
    await strongroom.secrets.create(owner, { ...named, environments: where, secrets: [later] })
    const gains = { name: "AFTER_ROTATION", value: "too", type: "runtime", dataType: "text" } as const
    await strongroom.secrets.create(owner, { ...named, environments: where.slice(1), secrets: [gains] })
    await strongroom.vaults.secrets.create(owner, expected.vault.id, { envKey: "ADDED", value: "v" })
    await strongroom.environments.remove(owner, { ...named, environment: where[1] ?? "" })
    const { token } = await strongroom.tokens.issue(owner, { name: "new", grants: [] })
    expect(await strongroom.tokens.identify(token)).toBeDefined()

    const kept = expected.project.secrets.map((secret) => ({
      ...secret,
      values: secret.values.filter(({ environment }) => environment === development?.name),
    }))
    const held = (await strongroom.secrets.list(owner, named)).map(told)
    expect(held.filter(({ name }) => name !== "ADDED" && name !== "LATER")).toEqual(kept)
    expect(held.length).toBe(kept.length + 2)
    const [workspace] = openStore(await dump(), root).workspaces
    expect(workspace?.projects[0]?.secrets).toEqual(held)
    expect(workspace?.vaults[0]?.secrets.map(({ name }) => name)).toEqual(["ADDED", "API_KEY", "_any"])
    expect(workspace?.audit.chains).toBe(expected.audit.chains + 1)
    await strongroom.close()
  })

  it("still writes as the page says: its story told anew is a store that the second decoder opens", async () => {
    const anew = await makeStore(new Uint8Array(root))
    const [workspace] = openStore(anew.store, root).workspaces
    expect(workspace?.projects).toEqual([anew.expected.project])
    expect(workspace?.vaults).toEqual([anew.expected.vault])
    expect(workspace?.audit).toEqual(anew.expected.audit)
  })

  it("refuses to open it with another root key, and changes nothing", async () => {
    const { storage, dump } = dumpable(memoryStorage())
    await load(store, storage)
    const before = await dump()
    let after: unknown
    const watched = {
      ...storage,
      close: async () => {
        after = await dump()
      },
    }
    const opening = openStrongroom({ storage: watched, keys: localKeys([{ id: "golden", key: new Uint8Array(32) }]) })
    expect(codeOf(await outcomeOf(opening))).toBe("ROOT_KEY_UNKNOWN")
    expect(after).toEqual(before)
  })
})

describe.each(Object.entries({ nobleCipher, opensslCipher }))(
  "the single vectors, by core with %s",
  (_name, cipher) => {
    const vectors = readVectors()

    it.each(vectors.records)("record: $about", ({ secret, label, context, nonce, place, metadata, value, bytes }) => {
      const key = dataKey(unhex(secret), label, ...context)
      const body = { metadata: new Uint8Array(Buffer.from(metadata)), value: unhex(value) }
      expect(sealRecord(cipher, key, unhex(nonce), place, body)).toEqual(unhex(bytes))
      expect(openRecord(cipher, new DataKeys([key]), place, unhex(bytes))).toEqual(body)
    })

    it("the keys of a workspace", () => {
      const { workspaceKey, wrapped, nonce, place, createdAt, metadataKey, indexKey, bytes } = vectors.workspaceKeys
      const secrets = unhex(metadataKey + indexKey)
      expect(
        sealWorkspaceKeys(cipher, unhex(nonce), place, unhex(workspaceKey), unhex(wrapped), secrets, createdAt),
      ).toEqual(unhex(bytes))
      const split = splitWorkspaceKeys(place, unhex(bytes))
      expect(split.wrapped).toEqual(unhex(wrapped))
      const keys = openWorkspaceKeys(
        cipher,
        layout.workspaceKeys(),
        place,
        unhex(bytes),
        split.prefix,
        unhex(workspaceKey),
      )
      expect(keys.metadata.current).toEqual(dataKey(unhex(metadataKey), "strongroom/v1/metadata-key", place.partition))
      expect(keys.chain).toEqual(derive(unhex(metadataKey), 32, "strongroom/v1/audit-chain", place.partition))
    })
  },
)

describe("the single vectors, by core", () => {
  const vectors = readVectors()

  it.each(vectors.dataKeys)("$label derives", ({ secret, label, context, sealKey, commitment, keyId }) => {
    expect(dataKey(unhex(secret), label, ...context)).toEqual({
      sealKey: unhex(sealKey),
      commitment: unhex(commitment),
      id: unhex(keyId),
    })
  })

  it("chain key and links", () => {
    const { secret, partition, key } = vectors.chainKey
    expect(derive(unhex(secret), 32, "strongroom/v1/audit-chain", partition)).toEqual(unhex(key))
    for (const { key: chainKey, leaf, metadata, link } of vectors.links) {
      expect(chainLink(unhex(chainKey), leaf, new Uint8Array(Buffer.from(metadata)))).toBe(link)
    }
  })

  it.each(vectors.blindLeaves)("blind leaf of $label $parts", ({ generation, key, label, parts, leaf }) => {
    expect(new BlindIndex(generation, unhex(key)).leaf(label, ...parts)).toBe(leaf)
  })

  it.each(vectors.wrappedKeys)("wrapped $purpose", async ({ rootKey: wrappedBy, blob, key, ...context }) => {
    const keys = localKeys([{ id: "any label", key: unhex(wrappedBy) }])
    expect(await keys.unwrap(unhex(blob), context)).toEqual(unhex(key))
  })
})
