import { basename, join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { Environment } from "../src/environment.ts"
import { temporaryDirectory } from "./temporary.ts"

it("takes back what a transaction wrote before it threw, and nothing of its neighbours", async () => {
  const environment = Environment.open(temporaryDirectory())
  onTestFinished(() => environment.close())
  const put = (name: string, fails: boolean) =>
    environment.write(
      1,
      (db) => {
        db.put(name, Buffer.from(name))
        if (fails) throw new Error("afterwards")
        return name
      },
      undefined,
    )
  const results = await Promise.allSettled([put("a", false), put("b", true), put("c", false)])
  expect(results).toMatchObject([{ value: "a" }, { reason: { code: "FATAL" } }, { value: "c" }])
  const found = environment.read((db) => ["a", "b", "c"].map((name) => db.get(name)?.toString()))
  expect(found).toEqual(["a", undefined, "c"])
})

// A second one would wait, on this thread, for the lock of a transaction that only this thread can end.
it("is opened once for all names of a directory", async () => {
  const path = temporaryDirectory()
  const environment = Environment.open(path)
  expect(Environment.open(join(path, "..", basename(path)))).toBe(environment)
  await environment.close()
  await environment.close()
  const another = Environment.open(path)
  expect(another).not.toBe(environment)
  await another.close()
})
