import { beforeAll, describe, expect, it } from "vitest"
import { splitWorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { placeOf } from "./support/insider.ts"
import { openEngine } from "./support/world.ts"

/** Every version of every record that was ever stored. */
let versions: readonly Stored[]

beforeAll(async () => {
  const database = await openDatabase()
  const seen = new Map<string, Stored>()
  const remember = () => {
    for (const stored of database.records())
      seen.set(`${placeOf(stored).partition} ${JSON.stringify(placeOf(stored))}`, stored)
  }
  await using strongroom = await openEngine(database.storage)
  const { owner } = await strongroom.workspaces.create({ slug: "acme", name: "Acme" })
  const environments: string[] = []
  for (const project of ["one", "two"]) {
    await strongroom.projects.create(owner, { slug: project, name: "Equal" })
    environments.length = 0
    for (let i = 0; i < 10; i++) {
      environments.push((await strongroom.environments.create(owner, { project, name: `environment ${i}` })).id)
      remember()
    }
    const secrets = Array.from({ length: 10 }, (_, i) => {
      return { name: `KEY_${i}`, value: "equal".repeat(40), type: "runtime", dataType: "text" } as const
    })
    await strongroom.secrets.create(owner, { project, environments, secrets })
  }
  const grants = [{ scope: { type: "workspace" }, permission: "read" }] as const
  const { id } = await strongroom.principals.create(owner, { name: "equal", grants })
  for (let i = 0; i < 20; i++) {
    await strongroom.principals.setGrants(owner, id, grants)
    remember()
  }
  versions = [...seen.values()]
})

/** What is sealed, from the nonce on; before it stand the header and, in a record of keys, the wrapped key. */
const sealedPart = (stored: Stored): Uint8Array => {
  const { bytes } = stored.record
  const prefix = bytes[1] === 0 ? splitWorkspaceKeys(placeOf(stored), bytes).prefix.length : 0
  return bytes.subarray(prefix + 18)
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("attack 12: ciphertexts are compared to see equal values", () => {
  it("no nonce stands twice, in 200 equal values and in the versions of one record", () => {
    expect(versions.length).toBeGreaterThan(300)
    const nonces = versions.map((stored) => hex(sealedPart(stored).subarray(0, 24)))
    expect(new Set(nonces).size).toBe(nonces.length)
  })

  it("no 16 bytes of nonce, ciphertext and tag stand anywhere else", () => {
    const seen = new Set<string>()
    let windows = 0
    for (const stored of versions) {
      const sealed = Buffer.from(sealedPart(stored)).toString("latin1")
      for (let at = 0; at + 16 <= sealed.length; at++) {
        seen.add(sealed.slice(at, at + 16))
        windows++
      }
    }
    expect(windows).toBeGreaterThan(50_000)
    expect(seen.size).toBe(windows)
  })
})
