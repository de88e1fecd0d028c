import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { setTimeout as delay } from "node:timers/promises"
import type { StorageAdapter } from "@strongroom/core"
import { describe, expect, it, onTestFinished } from "vitest"
import { increment, text as textOf } from "../../core/test/storage/records.ts"
import { lmdbStorage } from "../src/index.ts"
import { start } from "./children/run.ts"
import type { Request } from "./children/serve.ts"
import { read, write } from "./records.ts"
import { temporaryDirectory } from "./temporary.ts"

const startForTest = async (name: string, ...args: string[]): Promise<ChildProcess> => {
  const child = await start(name, ...args)
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}

const ask = async (child: ChildProcess, request: Request): Promise<string> => {
  child.send(JSON.stringify(request))
  const [answer] = await once(child, "message")
  return String(answer)
}

describe("two processes on one directory", () => {
  it("read every commit that the other has acknowledged", async () => {
    const path = temporaryDirectory()
    const storage = lmdbStorage({ path })
    const other = await startForTest("serve", path)
    for (let i = 0; i < 100; i++) {
      await write(storage, "mine", `${i}`)
      expect(await ask(other, { action: "read", leaf: "mine", text: "" })).toBe(`${i}`)
      let acknowledged = ""
      void ask(other, { action: "write", leaf: "theirs", text: `${i}` }).then((answer) => {
        acknowledged = answer
      })
      // A reader that never rests: what it saw just before the acknowledgement must not be what it sees after.
      while (acknowledged === "") {
        await read(storage, "theirs")
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect([acknowledged, await read(storage, "theirs")]).toEqual(["committed", `${i}`])
    }
    await storage.close()
  })

  it("read what made the file outgrow their own map", async () => {
    const path = temporaryDirectory()
    const storage = lmdbStorage({ path })
    const other = await startForTest("serve", path)
    for (let size = 1 << 10; size <= 4 << 20; size <<= 2) {
      const text = "x".repeat(size)
      expect(await ask(other, { action: "write", leaf: `${size}`, text })).toBe("committed")
      expect(await read(storage, `${size}`)).toBe(text)
      await write(storage, `${size}`, `${text}y`)
      expect(await ask(other, { action: "read", leaf: `${size}`, text: "" })).toBe(`${text}y`)
    }
    await storage.close()
  })

  it("lose no increment of a counter that both contend for", async () => {
    const path = temporaryDirectory()
    const storage = lmdbStorage({ path })
    const other = await startForTest("serve", path)
    await Promise.all([
      ask(other, { action: "increment", leaf: "counter", text: "150" }),
      ...[0, 1, 2].map(() => increment(storage, "p", { collection: "c", leaf: "counter" }, 50)),
    ])
    expect(await read(storage, "counter")).toBe("300")
    await storage.close()
  })
})

interface Writer {
  readonly child: ChildProcess
  readonly acknowledged: string[]
}

describe("a writing process that is killed", () => {
  it("leaves nothing torn, nothing acknowledged is missing, and the other goes on", async () => {
    const path = temporaryDirectory()
    const storage = lmdbStorage({ path })
    let names = 0
    const writers: Writer[] = []
    const startWriter = async (): Promise<Writer> => {
      const child = await startForTest("write", path, `w${++names}`)
      const writer = { child, acknowledged: Array.of<string>() }
      child.on("message", (message) => writer.acknowledged.push(String(message)))
      writers.push(writer)
      return writer
    }
    const until = async (writer: Writer, count: number) => {
      while (writer.acknowledged.length < count)
        await once(writer.child, "message", { signal: AbortSignal.timeout(10_000) })
    }

    let survivor = await startWriter()
    for (let round = 0; round < 10; round++) {
      const victim = survivor
      survivor = await startWriter()
      await Promise.all([until(victim, 5), until(survivor, 5)])
      await delay(Math.random() * 40)
      victim.child.kill("SIGKILL")
      await once(victim.child, "exit")
      await until(survivor, survivor.acknowledged.length + 20)
      await requireWhole(storage, victim.acknowledged)
    }
    survivor.child.send("stop")
    await once(survivor.child, "exit")
    for (const writer of writers) await requireWhole(storage, writer.acknowledged)

    const list = async (collection: string) => storage.list("p", collection, { limit: 1_000_000, maxBytes: 1e12 })
    const [left, right] = [await list("left"), await list("right")]
    expect(left.records.length).toBeGreaterThan(300)
    expect(right.records.map((r) => [r.leaf, r.record.revision])).toEqual(
      left.records.map((r) => [r.leaf, r.record.revision]),
    )
    const [counter] = await storage.read("p", [{ collection: "counter", leaf: "counter" }])
    expect(Number(textOf(counter?.bytes))).toBe(left.records.length)
    await storage.close()
  }, 90_000)
})

const requireWhole = async (storage: StorageAdapter, leaves: readonly string[]): Promise<void> => {
  expect(leaves.filter((leaf) => leaf.startsWith("failed"))).toEqual([])
  for (const leaf of leaves) {
    const [left, right] = await storage.read("p", [
      { collection: "left", leaf },
      { collection: "right", leaf },
    ])
    expect(Buffer.alloc(3_000, leaf).equals(left?.bytes ?? Buffer.alloc(0)), leaf).toBe(true)
    expect(Buffer.compare(right?.bytes ?? Buffer.alloc(0), left?.bytes ?? Buffer.alloc(0)), leaf).toBe(0)
    expect(right?.revision, leaf).toBe(left?.revision)
  }
}
