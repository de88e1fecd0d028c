import { expect, it } from "vitest"
import { localKeys } from "../../src/crypto/local-keys.ts"
import type { KeyProvider } from "../../src/ports/keys.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { openStrongroom } from "../../src/strongroom.ts"

it("asks the key provider once for a workspace, however many ask at once", async () => {
  const storage = memoryStorage()
  const local = localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }])
  const first = await openStrongroom({ storage: { ...storage, close: async () => {} }, keys: local })
  const { owner } = await first.workspaces.create({ slug: "ws_once", name: "Once" })
  await first.close()

  const unwrapped: string[] = []
  const keys: KeyProvider = {
    ...local,
    unwrap: (wrapped, context) => {
      unwrapped.push(context.purpose)
      return local.unwrap(wrapped, context)
    },
  }
  await using strongroom = await openStrongroom({ storage, keys })
  await Promise.all(Array.from({ length: 64 }, () => strongroom.projects.list(owner)))
  expect(unwrapped).toEqual(["directory-key", "workspace-key"])
})
