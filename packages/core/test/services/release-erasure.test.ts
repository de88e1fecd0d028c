import { randomBytes } from "node:crypto"
import { Layer, ManagedRuntime } from "effect"
import { expect, it } from "vitest"
import { cipher } from "../../src/crypto/xchacha.ts"
import { allServices, facadeOver } from "../../src/facade.ts"
import type { Cipher } from "../../src/ports/cipher.ts"
import { silentLogger } from "../../src/ports/logger.ts"
import { Crypto, RootKeys, Settings } from "../../src/ports/services.ts"
import { engineLayer } from "../../src/services/layers.ts"
import { storageLayer } from "../../src/services/storage.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { rootKeys } from "../support/engine.ts"

const value = "a value to look for in plaintexts"

/** Opened plaintexts that held the value when they were opened, as they are now. */
const watchedCipher = () => {
  const held: Uint8Array[] = []
  const watched: Cipher = {
    ...cipher,
    open: (...args) => {
      const plaintext = cipher.open(...args)
      if (plaintext !== undefined && Buffer.from(plaintext).includes(value)) held.push(plaintext)
      return plaintext
    },
  }
  return { watched, held }
}

it("a plaintext that was opened to decide on a target is erased, at the latest when the decision is audited", async () => {
  const { watched, held } = watchedCipher()
  const memory = memoryStorage()
  let heldAtCommit: readonly boolean[] = []
  const storage = {
    ...memory,
    commit: (...args: Parameters<typeof memory.commit>) => {
      heldAtCommit = held.map((plaintext) => Buffer.from(plaintext).includes(value))
      return memory.commit(...args)
    },
  }
  const ports = Layer.mergeAll(
    storageLayer(storage, silentLogger),
    Layer.succeed(RootKeys, rootKeys()),
    Layer.succeed(Crypto, { cipher: watched, random: (length) => new Uint8Array(randomBytes(length)) }),
    Layer.succeed(Settings, { auditReads: true, valuesPerRequest: 1_000, logger: silentLogger }),
  )
  const runtime = ManagedRuntime.make(Layer.provide(engineLayer, ports))
  const strongroom = facadeOver(await runtime.runPromise(allServices), runtime.runPromise, () => runtime.dispose())
  const { owner } = await strongroom.workspaces.create({ slug: "acme", name: "Acme" })
  const { id: vault } = await strongroom.vaults.create(owner, { name: "agents" })
  const { secrets } = strongroom.vaults
  const made = await secrets.create(owner, vault, { envKey: "KEY", value, allowedDomains: ["a.example"] })

  const acts: readonly (() => Promise<unknown>)[] = [
    () => secrets.release(owner, vault, "KEY", "https://evil.example/"),
    () => secrets.release(owner, vault, "KEY", "http://a.example/"),
    () => secrets.release(owner, vault, "KEY", "a.example"),
    () => secrets.list(owner, vault),
    () => secrets.update(owner, vault, made.id, {}),
    () => secrets.update(owner, vault, made.id, { value }),
    () => secrets.update(owner, vault, made.id, { allowedDomains: ["b.example"] }),
    () => secrets.update(owner, vault, made.id, { value: "another" }),
  ]
  for (const [index, act] of acts.entries()) {
    held.length = 0
    heldAtCommit = []
    await act().catch(() => {})
    expect(held.length, `${index}`).toBeGreaterThan(0)
    const now = held.map((plaintext) => Buffer.from(plaintext).includes(value))
    for (const still of [...heldAtCommit, ...now]) expect(still, `${index}`).toBe(false)
  }
  await strongroom.close()
})
