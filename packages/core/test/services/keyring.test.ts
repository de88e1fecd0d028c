import { expect, it } from "vitest"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { utf8 } from "../../src/domain/text.ts"
import type { KeyProvider } from "../../src/ports/keys.ts"
import { layout, readMetadata } from "../../src/records/layout.ts"
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

it("leaves no names behind in memory once the engine is closed", async () => {
  const ref = layout.environment("e")
  const place = { partition: "p", collection: ref.collection, leaf: ref.leaf, revision: "r" }
  const text = utf8(JSON.stringify({ v: 1, id: "e", project: "p", name: "production", createdAt: 1 }))
  const strongroom = await openStrongroom({
    storage: memoryStorage(),
    keys: localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }]),
  })
  const decoded = readMetadata(ref, place, text)
  expect(readMetadata(ref, place, text)).toBe(decoded)
  await strongroom.close()
  expect(readMetadata(ref, place, text)).not.toBe(decoded)
})
