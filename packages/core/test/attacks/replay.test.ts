import { beforeAll, describe, expect, it, vi } from "vitest"
import { cipher } from "../../src/crypto/xchacha.ts"
import { nameOf, openRecord } from "../../src/records/sealed-record.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import { timeout } from "../support/runs.ts"
import { openDatabase } from "./support/database.ts"
import { placeOf, workspaceKeysOf } from "./support/insider.ts"
import { likeOf, withChanges } from "./support/tampering.ts"
import { actOn, healthyWorld, judge, type Outcomes } from "./support/verdict.ts"
import { openEngine, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

let world: World
let before: Outcomes

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
})

describe("attack 2: a record is replayed in another workspace", () => {
  it("any record of one workspace, in the place of one of its kind in another", async () => {
    const [from, to] = [world.other.owner.workspace, world.acme.owner.workspace]
    let detected = 0
    for (const stored of world.records.filter(({ partition }) => partition === from)) {
      const { collection, leaf } = stored
      const twin = world.records.find(
        (one) => one.partition === to && one.collection === collection && one.leaf === leaf,
      )
      const forged = { ...(twin ?? likeOf(world.records, to, collection)), record: stored.record }
      const verdict = judge(before, await actOn(world, withChanges(world.records, [forged])), [nameOf(forged)])
      expect(verdict.wrong, nameOf(stored)).toEqual([])
      detected += verdict.detected
    }
    expect(detected).toBeGreaterThan(100)
  })

  it("any record that can be listed, at its own address: the list of the other workspace names it", async () => {
    const { owner } = world.acme
    const { owner: other } = world.other
    const lists: Readonly<Record<string, (strongroom: Strongroom) => Promise<unknown>>> = {
      token: ({ tokens }) => tokens.list(owner),
      project: ({ projects }) => projects.list(owner),
      vault: ({ vaults }) => vaults.list(owner),
      audit: ({ audit }) => audit.list(owner, { limit: 1000 }),
    }
    for (const [collection, list] of Object.entries(lists)) {
      const source = likeOf(world.records, other.workspace, collection)
      const replayed = { ...source, partition: owner.workspace }
      const database = await openDatabase([...world.records, replayed])
      await using strongroom = await openEngine(database.storage)
      const refusal = { code: "INTEGRITY", details: { record: nameOf(replayed) } }
      await expect(list(strongroom)).rejects.toMatchObject(refusal)
    }
  })

  it("the directory's records, whose keys are the same in all of its partitions, open in none but their own", async () => {
    const { metadata: keys } = await workspaceKeysOf(world.records, "store")
    const pointers = world.records.filter(({ partition }) => partition.startsWith("dir-"))
    expect(pointers.length).toBeGreaterThanOrEqual(8)
    for (const pointer of pointers) {
      const opening = (partition: string) => () =>
        openRecord(cipher, keys, { ...placeOf(pointer), partition }, pointer.record.bytes)
      expect(opening(pointer.partition)).not.toThrow()
      for (const partition of ["dir-00", "dir-ff", "store"].filter((other) => other !== pointer.partition)) {
        expect(opening(partition)).toThrow(/does not open/)
      }
    }
  })

  it("a whole workspace under another's name: its key does not unwrap", async () => {
    const [from, to] = [world.other, world.acme]
    const records = [
      ...world.records.filter(({ partition }) => partition !== to.owner.workspace),
      ...world.records
        .filter(({ partition }) => partition === from.owner.workspace)
        .map((stored) => ({ ...stored, partition: to.owner.workspace })),
    ]
    const database = await openDatabase(records)
    await using strongroom = await openEngine(database.storage)
    const intruder = { ...from.owner, workspace: to.owner.workspace }
    const refusal = { code: "INTEGRITY", details: { record: `${to.owner.workspace}/workspace/keys` } }
    await expect(strongroom.projects.list(intruder)).rejects.toMatchObject(refusal)
    await expect(strongroom.workspaces.find("acme")).rejects.toMatchObject(refusal)
  })
})
