import { once } from "node:events"
import { rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { refuses } from "./support/refuses.ts"
import { makeTree, start, type Tree } from "./support/server.ts"

let tree: Tree
beforeEach(async () => {
  tree = await makeTree()
})
afterEach(() => tree.remove())

const key = (fill: number) => `main:${Buffer.alloc(32, fill).toString("base64")}`

describe("a variable that cannot be used", () => {
  const url = "other://user:hunter2@db.example/0"
  const short = Buffer.alloc(31, 7).toString("base64")
  test.each<[string, NodeJS.ProcessEnv, RegExp, string?]>([
    ["port", { PORT: "80a" }, /PORT/],
    ["empty port", { PORT: "" }, /PORT/],
    ["port out of range", { PORT: "65536" }, /PORT/],
    ["empty host", { HOST: "" }, /HOST/],
    ["host of another machine", { HOST: "192.0.2.1" }, /192\.0\.2\.1/],
    ["unknown storage", { STRONGROOM_STORAGE: url }, /STRONGROOM_STORAGE/, "hunter2"],
    ["Redis without a host", { STRONGROOM_STORAGE: "redis://" }, /STRONGROOM_STORAGE/],
    ["Redis on no port", { STRONGROOM_STORAGE: "redis://:hunter2@h:99999" }, /STRONGROOM_STORAGE/, "hunter2"],
    ["storage without a folder", { STRONGROOM_STORAGE: "lmdb:" }, /STRONGROOM_STORAGE/],
    ["empty storage", { STRONGROOM_STORAGE: "" }, /STRONGROOM_STORAGE/],
    ["empty root keys", { STRONGROOM_ROOT_KEYS: "" }, /STRONGROOM_ROOT_KEYS/],
    ["root key without an id", { STRONGROOM_ROOT_KEYS: key(7).slice(5) }, /STRONGROOM_ROOT_KEYS/, key(7).slice(5)],
    ["short root key", { STRONGROOM_ROOT_KEYS: `main:${short}` }, /STRONGROOM_ROOT_KEYS/, short],
    ["the same root key twice", { STRONGROOM_ROOT_KEYS: `${key(7)},${key(7)}` }, /twice/, key(7).slice(5)],
    ["token of another form", { STRONGROOM_DEMO_TOKEN: "hunter2" }, /STRONGROOM_DEMO_TOKEN/, "hunter2"],
    ["empty token", { STRONGROOM_DEMO_TOKEN: "" }, /STRONGROOM_DEMO_TOKEN/],
    ["token with one character more", { STRONGROOM_DEMO_TOKEN: `ek_live_${"A".repeat(44)}` }, /STRONGROOM_DEMO_TOKEN/],
  ])("%s", (_, env, sentence, secret) => refuses(tree, env, sentence, secret))
})

test("a port that is in use", async () => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  const address = other.address()
  const port = typeof address === "object" ? address?.port : undefined
  await refuses(tree, { PORT: `${port}` }, new RegExp(`port ${port} .*in use`))
  other.close()
})

describe("data that is present", () => {
  const makeData = async (env: NodeJS.ProcessEnv = {}) => {
    const server = await start(tree, env)
    expect(await server.stop()).toBe(0)
  }

  test("with its key file gone", async () => {
    await makeData()
    await rm(join(tree.kept, "root-keys"))
    await refuses(tree, {}, /no root key/)
  })

  test("with another key file", async () => {
    await makeData()
    await writeFile(join(tree.kept, "root-keys"), `${key(7)}\n`)
    await refuses(tree, {}, /ROOT_KEY_UNKNOWN/)
  })

  test("with another key in the environment", async () => {
    await makeData()
    await refuses(tree, { STRONGROOM_ROOT_KEYS: key(7) }, /ROOT_KEY_UNKNOWN/, key(7).slice(5))
  })

  test("with keys from the environment that are now missing", async () => {
    await makeData({ STRONGROOM_ROOT_KEYS: key(7) })
    await refuses(tree, {}, /no root key/)
  })

  test("with a key file that is damaged", async () => {
    await makeData()
    await writeFile(join(tree.kept, "root-keys"), "nonsense\n")
    await refuses(tree, {}, /root-keys/, "nonsense")
  })
})
