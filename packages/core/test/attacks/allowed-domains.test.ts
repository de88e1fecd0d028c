import { beforeAll, describe, expect, it, vi } from "vitest"
import { cipher } from "../../src/crypto/xchacha.ts"
import { reveal } from "../../src/domain/fields.ts"
import { utf8 } from "../../src/domain/text.ts"
import { openRecord } from "../../src/records/sealed-record.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import { timeout } from "../support/runs.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { compartmentKeysOf, placeOf, resealed, workspaceKeysOf } from "./support/insider.ts"
import { withBytes, withChanges } from "./support/tampering.ts"
import { makeWorld, openEngine, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

/** attacks.md 10 and 19: whoever holds the database would like a secret to go elsewhere. */

let world: World
beforeAll(async () => {
  world = await makeWorld()
})

const bodyOf = async (stored: Stored) => {
  const keys = await compartmentKeysOf(world.records, stored.partition, world.acme.vault)
  const { metadata, value } = openRecord(cipher, keys, placeOf(stored), stored.record.bytes)
  const parsed: { envKey: string; allowedDomains: string[] } = JSON.parse(Buffer.from(metadata).toString("utf8"))
  return { keys, metadata: parsed, value }
}

const recordOf = async (envKey: string): Promise<Stored> => {
  const { owner, vault } = world.acme
  for (const stored of world.records) {
    if (stored.partition !== owner.workspace || stored.collection !== `vsecret.${vault}`) continue
    if ((await bodyOf(stored)).metadata.envKey === envKey) return stored
  }
  throw new Error(`${envKey} is not stored`)
}

const inStore = async (changed: readonly Stored[], use: (strongroom: Strongroom) => Promise<void>) => {
  const database = await openDatabase(withChanges(world.records, changed))
  await using strongroom = await openEngine(database.storage)
  await use(strongroom)
}

const release = (strongroom: Strongroom, target: string, envKey = "API_KEY") =>
  strongroom.vaults.secrets.release(world.acme.owner, world.acme.vault, envKey, target)

/** Neither host gets anything, and nothing says what was stored. */
const expectUnreadable = (changed: Stored) =>
  inStore([changed], async (strongroom) => {
    for (const target of ["api.example.com", "evil.example"]) {
      const error = await release(strongroom, target).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: expect.stringMatching(/^(INTEGRITY|FORMAT_UNSUPPORTED)$/) })
      expect(JSON.stringify(error)).not.toContain("acme API_KEY")
    }
    const { entries } = await strongroom.audit.list(world.acme.owner, { limit: 1000 })
    expect(entries.map(({ action }) => action)).not.toContain("vault-secret.release")
  })

describe("allowed domains that are edited in storage", () => {
  it("stand in no stored byte as they are", () => {
    for (const { record } of world.records) {
      const text = Buffer.from(record.bytes).toString("latin1")
      for (const domain of ["api.example.com", "example.org"]) expect(text).not.toContain(domain)
    }
  })

  it("make the secret unreadable, whichever byte is changed", async () => {
    const stored = await recordOf("API_KEY")
    const { bytes } = stored.record
    for (let index = 0; index < bytes.length; index++) {
      await expectUnreadable(withBytes(stored, bytes.with(index, (bytes[index] ?? 0) ^ 1)))
    }
    await expectUnreadable(withBytes(stored, bytes.subarray(0, -1)))
  })

  it("cannot be taken from another secret of the same vault", async () => {
    const [stored, other] = [await recordOf("API_KEY"), await recordOf("OTHER_KEY")]
    await expectUnreadable(withBytes(stored, other.record.bytes))
    await expectUnreadable({ ...stored, record: other.record })
  })

  it("cannot be sealed by another key that the store holds", async () => {
    const stored = await recordOf("API_KEY")
    const { metadata, value } = await bodyOf(stored)
    const body = { metadata: utf8(JSON.stringify({ ...metadata, allowedDomains: ["evil.example"] })), value }
    const { metadata: metadataKeys } = await workspaceKeysOf(world.records, stored.partition)
    await expectUnreadable(resealed(stored, metadataKeys.current, body))
  })

  it("can be edited by who has the vault's key, so that the test above fails for the right reason", async () => {
    const stored = await recordOf("API_KEY")
    const { keys, metadata, value } = await bodyOf(stored)
    const body = { metadata: utf8(JSON.stringify({ ...metadata, allowedDomains: ["evil.example"] })), value }
    await inStore([resealed(stored, keys.current, body)], async (strongroom) => {
      expect(reveal((await release(strongroom, "evil.example")).value)).toBe("acme API_KEY")
      await expect(release(strongroom, "api.example.com")).rejects.toMatchObject({ code: "RELEASE_DENIED" })
    })
  })

  it("that are stored in another form than the canonical one cover nothing", async () => {
    const stored = await recordOf("API_KEY")
    const { keys, metadata, value } = await bodyOf(stored)
    const domains = ["API.example.com", "*.com", "*", "api.example.com."]
    const body = { metadata: utf8(JSON.stringify({ ...metadata, allowedDomains: domains })), value }
    await inStore([resealed(stored, keys.current, body)], async (strongroom) => {
      for (const target of ["api.example.com", "example.com", "a.b"]) {
        await expect(release(strongroom, target)).rejects.toMatchObject({ code: "RELEASE_DENIED" })
      }
    })
  })
})

it("a pointer of one secret leads to no other", async () => {
  const { owner, vault, vaultSecrets } = world.acme
  const pointerOf = (id: string) => {
    const found = world.records.find((stored) => stored.collection === "vsecret-id" && stored.leaf === id)
    if (found === undefined) throw new Error("no pointer")
    return found
  }
  const [own, other] = [pointerOf(vaultSecrets.API_KEY), pointerOf(vaultSecrets.OTHER_KEY)]
  await inStore([{ ...own, record: other.record }], async (strongroom) => {
    const { secrets } = strongroom.vaults
    for (const change of [
      secrets.update(owner, vault, vaultSecrets.API_KEY, { value: "v" }),
      secrets.remove(owner, vault, vaultSecrets.API_KEY),
    ]) {
      await expect(change).rejects.toMatchObject({ code: "INTEGRITY" })
    }
    expect(await secrets.list(owner, vault)).toHaveLength(2)
  })
})
