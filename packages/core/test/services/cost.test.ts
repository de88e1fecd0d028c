import { expect, it } from "vitest"
import { localKeys } from "../../src/crypto/local-keys.ts"
import { reveal } from "../../src/domain/fields.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { openStrongroom } from "../../src/strongroom.ts"

/** Counts the calls that reach storage. */
const counted = (adapter: StorageAdapter) => {
  const calls = { read: 0, list: 0, commit: 0 }
  const counting: StorageAdapter = {
    limits: adapter.limits,
    capabilities: adapter.capabilities,
    read: (...args) => {
      calls.read++
      return adapter.read(...args)
    },
    list: (...args) => {
      calls.list++
      return adapter.list(...args)
    },
    commit: (...args) => {
      calls.commit++
      return adapter.commit(...args)
    },
    close: () => adapter.close(),
  }
  const during = async (work: () => Promise<unknown>) => {
    const before = { ...calls }
    await work()
    return { read: calls.read - before.read, list: calls.list - before.list, commit: calls.commit - before.commit }
  }
  return { counting, during }
}

it("costs one read and one commit to release a vault secret, and two reads and one commit to change one", async () => {
  const { counting, during } = counted(memoryStorage())
  const keys = localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }])
  const { workspaces, vaults, close } = await openStrongroom({ storage: counting, keys })
  const { owner } = await workspaces.create({ slug: "ws_cost", name: "Cost" })
  const { id: vault } = await vaults.create(owner, { name: "cost" })
  const { id } = await vaults.secrets.create(owner, vault, { envKey: "KEY", value: "v" })
  const release = (target: string) => vaults.secrets.release(owner, vault, "KEY", target)
  const one = { read: 1, list: 0, commit: 1 }
  expect(await during(() => release("a.example"))).toEqual(one)
  expect(await during(() => release("http://a.example").catch(() => {}))).toEqual(one)
  const two = { read: 2, list: 0, commit: 1 }
  expect(await during(() => vaults.secrets.update(owner, vault, id, { value: "w" }))).toEqual(two)
  expect(await during(() => vaults.secrets.update(owner, vault, id, { value: "w" }))).toEqual({ ...two, commit: 0 })
  expect(await during(() => vaults.secrets.remove(owner, vault, id))).toEqual(two)
  await close()
})

it("costs at most two reads and one commit for a create or a get with an API token, its check included", async () => {
  const storage = memoryStorage()
  const keys = localKeys([{ id: "test", key: new Uint8Array(32).fill(1) }])
  const maker = await openStrongroom({ storage: { ...storage, close: async () => {} }, keys })
  const { owner } = await maker.workspaces.create({ slug: "ws_cost", name: "Cost" })
  await maker.projects.create(owner, { slug: "prj_cost", name: "Cost" })
  const { id: environment } = await maker.environments.create(owner, { project: "prj_cost", name: "production" })
  const grants = [{ scope: { type: "workspace" }, permission: "read-write" }] as const
  const token = reveal((await maker.tokens.issue(owner, { name: "cost", grants })).token)
  await maker.close()

  const { counting, during } = counted(storage)
  const strongroom = await openStrongroom({ storage: counting, keys })
  const request = async (name: string, read: boolean) => {
    const principal = await strongroom.tokens.identify(token)
    if (principal === undefined) throw new Error("the token is not known")
    const where = { workspace: "ws_cost", project: "prj_cost" }
    return read
      ? strongroom.secrets.get(principal, { ...where, environment, name })
      : strongroom.secrets.create(principal, {
          ...where,
          environments: [environment],
          secrets: [{ name, value: "v", type: "runtime", dataType: "text" }],
        })
  }
  // The first request of a process also unwraps the workspace's keys and learns slugs and the token's pointer.
  expect(await during(() => request("FIRST", false))).toEqual({ read: 4, list: 0, commit: 1 })
  expect(await during(() => request("SECOND", false))).toEqual({ read: 1, list: 0, commit: 1 })
  expect(await during(() => request("SECOND", true))).toEqual({ read: 1, list: 0, commit: 1 })
  await strongroom.close()
})
