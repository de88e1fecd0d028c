import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { openStrongroom } from "../../src/strongroom.ts"

// Everything happens in one millisecond.
beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 }))
afterEach(() => vi.useRealTimers())

it("lists vaults, their secrets and tokens in the order of creation, however fast they are made", async () => {
  const keys = localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }])
  await using strongroom = await openStrongroom({ storage: memoryStorage(), keys })
  const { owner } = await strongroom.workspaces.create({ slug: "ws_order", name: "Order" })
  const { id: vault } = await strongroom.vaults.create(owner, { name: "vault 0" })
  const names = Array.from({ length: 40 }, (_, index) => `N_${index}`)
  for (const name of names) {
    await strongroom.vaults.create(owner, { name })
    await strongroom.vaults.secrets.create(owner, vault, { envKey: name, value: "v" })
    await strongroom.tokens.issue(owner, { name, grants: [] })
  }
  expect((await strongroom.vaults.list(owner)).map(({ name }) => name)).toEqual(["vault 0", ...names])
  expect((await strongroom.vaults.secrets.list(owner, vault)).map(({ envKey }) => envKey)).toEqual(names)
  expect((await strongroom.tokens.list(owner)).map(({ name }) => name)).toEqual(names)
})
