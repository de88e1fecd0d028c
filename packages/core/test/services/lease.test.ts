import { Effect, Fiber, Layer } from "effect"
import { expect, it } from "vitest"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { noncePool } from "../../src/crypto/nonce-pool.ts"
import { cipher } from "../../src/crypto/xchacha.ts"
import { silentLogger } from "../../src/ports/logger.ts"
import { Crypto, RootKeys, Storage } from "../../src/ports/services.ts"
import { layout } from "../../src/records/layout.ts"
import type { WorkspaceKeys } from "../../src/records/workspace-keys.ts"
import { Keyring, type KeysHome } from "../../src/services/keyring.ts"
import { liftStorage } from "../../src/services/storage.ts"
import { memoryStorage } from "../../src/storage/memory.ts"

const home: KeysHome = {
  partition: "0a4be2cf-63ce-4d5a-8a0b-7d1f6b7f4c11",
  ref: layout.workspaceKeys(),
  context: { purpose: "workspace-key", storeId: "store", workspaceId: "0a4be2cf-63ce-4d5a-8a0b-7d1f6b7f4c11" },
}
const revision = "01KDVQ5Z3MABCDEFGHJKMNPQRS"
const pool = noncePool()

/** What the keys of one workspace are when `use` was interrupted at its await, and when the keyring is closed too. */
const interrupted = Effect.gen(function* () {
  const storage = liftStorage(memoryStorage(), silentLogger)
  const ports = Layer.mergeAll(
    Layer.succeed(Storage, storage),
    Layer.succeed(RootKeys, localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }])),
    Layer.succeed(Crypto, { cipher, random: (length) => pool.take(length) }),
  )
  const used = yield* Effect.gen(function* () {
    const keyring = yield* Keyring
    const { record } = yield* keyring.create(home, revision, 0)
    const { collection, leaf } = home.ref
    yield* storage.commit(home.partition, {
      checks: [{ collection, leaf, revision: undefined }],
      writes: [{ collection, leaf, record }],
    })
    const seen: WorkspaceKeys[] = []
    // Loaded by the first, found in memory by the second.
    for (const round of [1, 2]) {
      const fiber = yield* Effect.forkChild(
        keyring.use(
          home,
          (keys) =>
            Effect.andThen(
              Effect.sync(() => seen.push(keys)),
              Effect.never,
            ),
          () => Effect.die("the record is missing"),
        ),
      )
      while (seen.length < round) yield* Effect.sleep(0)
      yield* Fiber.interrupt(fiber)
    }
    return seen.map((keys) => ({ keys, before: keys.chain.slice() }))
  }).pipe(Effect.provide(Layer.provide(Keyring.layer, ports)))
  return used.map(({ keys, before }) => ({ before, after: keys.chain }))
})

it("an interrupted operation gives its lease back, so that closing erases the keys", async () => {
  const used = await Effect.runPromise(interrupted)
  expect(used).toHaveLength(2)
  for (const { before, after } of used) {
    expect(before).not.toEqual(new Uint8Array(32))
    expect(after).toEqual(new Uint8Array(32))
  }
})
