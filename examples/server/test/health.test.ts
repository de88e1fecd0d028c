import { once } from "node:events"
import { createServer } from "node:http"
import { type Logger, localKeys, memoryStorage, openStrongroom, type StorageAdapter } from "@strongroom/core"
import { expect, test } from "vitest"
import { createApp } from "../src/server.ts"

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

test("/healthz needs no token, and answers 503 while a read of the storage fails", async () => {
  let isDown = false
  const inner = memoryStorage()
  const storage: StorageAdapter = {
    ...inner,
    read: async (...call) => {
      if (isDown) throw Object.assign(new Error("injected"), { code: "UNAVAILABLE" })
      return inner.read(...call)
    },
  }
  const keys = localKeys([{ id: "test", key: new Uint8Array(32) }])
  const strongroom = await openStrongroom({ storage, keys })
  const server = createServer(createApp(strongroom, logger)).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const health = async () => {
    const { status } = await fetch(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/healthz`)
    return status
  }
  try {
    expect(await health()).toBe(200)
    isDown = true
    expect(await health()).toBe(503)
    isDown = false
    expect(await health()).toBe(200)
  } finally {
    server.close()
    server.closeAllConnections()
    await strongroom.close()
  }
})
