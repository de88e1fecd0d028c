import { randomBytes } from "node:crypto"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { MongoClient } from "mongodb"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { startStandIn } from "../../../packages/adapter-mongo/test/stand-in/stand-in.ts"
import { type MongoServer, startMongo } from "../../../packages/adapter-mongo/test/support/mongo-server.ts"
import { call } from "./support/call.ts"
import { refuses } from "./support/refuses.ts"
import { makeTree, start, type Tree } from "./support/server.ts"

let mongo: MongoServer
let tree: Tree
let storage: string
beforeAll(async () => {
  mongo = await startMongo()
})
afterAll(() => mongo?.stop())
beforeEach(async () => {
  tree = await makeTree()
  storage = mongo.uriOf(`example_${randomBytes(6).toString("hex")}`)
})
afterEach(async () => {
  const client = new MongoClient(storage)
  await client.db().dropDatabase()
  await client.close()
  await tree.remove()
})

it("starts, serves, and has its data when it has been started again", async () => {
  const env = { STRONGROOM_STORAGE: storage }
  const first = await start(tree, env)
  const { token = "", workspace, project, environments, vault } = first
  const secrets = `/v1/workspace/${workspace}/project/${project}/secret/`
  const created = await call(first.base, secrets, token, {
    environments: environments.slice(0, 1).map(({ id }) => id),
    secrets: [{ key: "DATABASE_URL", value: "postgresql://...", type: "runtime", dataType: "text" }],
  })
  expect(created).toEqual([200, { success: true }])
  expect(await first.stop()).toBe(0)

  const second = await start(tree, env)
  expect(second).toMatchObject({ workspace, project, environments, vault, token: undefined })
  const [status, secret] = await call(second.base, `${secrets}DATABASE_URL`, token)
  expect([status, secret]).toMatchObject([200, { values: [{ value: "postgresql://..." }] }])
  expect((await fetch(`${second.base}/healthz`)).status).toBe(200)
  expect(await second.stop()).toBe(0)
  expect([first.output.err, second.output.err]).toEqual(["", ""])
})

it("refuses data whose key is gone", async () => {
  const env = { STRONGROOM_STORAGE: storage }
  expect(await (await start(tree, env)).stop()).toBe(0)
  await rm(join(tree.kept, "root-keys"))
  await refuses(tree, env, /data in MongoDB but no root key/, "hunter2")
})

it("refuses a MongoDB that nobody serves, a standalone one, and a URI that is none", async () => {
  const uri = "mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=100"
  await refuses(tree, { STRONGROOM_STORAGE: uri }, /MongoDB/, "hunter2")
  await refuses(tree, { STRONGROOM_STORAGE: "mongodb://" }, /STRONGROOM_STORAGE/, "hunter2")
  await refuses(tree, { STRONGROOM_STORAGE: "mongodb://user:hunter2/2@host" }, /MongoParseError/, "hunter2")
  const standalone = await startStandIn({ kind: "standalone" })
  await refuses(tree, { STRONGROOM_STORAGE: standalone.uri }, /standalone mongod .* --replSet/, "hunter2")
  await standalone.stop()
})
