/** What many commits at the same time come to, through one client or through two. */
import assert from "node:assert/strict"
import type { Commit, StorageAdapter } from "@strongroom/core"
import { assertConflict, increment, mustCommit, readOne, send } from "../calls.ts"
import type { Clause, Subject } from "../clause.ts"
import { absent, at, digest, put, remove, text, unchanged } from "../records.ts"

type Clients = readonly [StorageAdapter, ...StorageAdapter[]]

const oneCreator = async (clients: Clients, { partition }: { partition: string }): Promise<void> => {
  const bids = Array.from({ length: 50 }, (_, i) => put(at("one"), `${i}`))
  const results = await Promise.all(
    bids.map((bid, i) =>
      send(clients[i % clients.length] ?? clients[0], partition, { checks: [absent(bid)], writes: [bid] }),
    ),
  )
  const winners = bids.filter((_, i) => results[i]?.status === "committed")
  assert.equal(winners.length, 1, `${winners.length} of 50 created the same record`)
  for (const result of results) if (result.status === "conflict") assertConflict(result, [at("one")])
  for (const client of clients) {
    assert.equal(digest(await readOne(client, partition, at("one"))), digest(winners[0]?.record))
  }
}

const counter = async (clients: Clients, { partition }: { partition: string }): Promise<void> => {
  await mustCommit(clients[0], partition, [put(at("counter"), "0")])
  const lanes = clients.flatMap((client) => Array.from({ length: 16 / clients.length }, () => client))
  await Promise.all(lanes.map((client) => increment(client, partition, 8)))
  assert.equal(text((await readOne(clients[0], partition, at("counter")))?.bytes), "128")
}

/**
 * Write skew: in a ring of commits each checks what the next one writes or deletes. In any serial order the commit after
 * the first of two neighbours finds its check broken: of 2 one is committed, of 3 two.
 */
const ring = async (clients: Clients, subject: Subject): Promise<void> => {
  for (let round = 0; round < 24; round++) {
    const partition = subject.partition()
    const size = round % 2 === 0 ? 2 : 3
    const members = Array.from({ length: size }, (_, i) => put(at(`${i}`)))
    await mustCommit(clients[0], partition, members)
    const commits = members.map((member, i): Commit => {
      const next = members[(i + 1) % size] ?? member
      return { checks: [unchanged(next)], writes: [round % 4 < 2 ? put(member, "changed") : remove(member)] }
    })
    const results = await Promise.all(
      commits.map((commit, i) => send(clients[(i + round) % clients.length] ?? clients[0], partition, commit)),
    )
    const committed = results.filter(({ status }) => status === "committed").length
    assert.equal(committed, size - 1, `${committed} of ${size} commits that exclude each other were committed`)
  }
}

const blind = async ({ storage }: Subject): Promise<void> => {
  const guard = put(at("guard", "guards"))
  await mustCommit(storage, "p", [guard])
  const writes = Array.from({ length: 50 }, (_, i) => put(at("a"), `${i}`))
  await Promise.all(writes.map((write) => mustCommit(storage, "p", [write], [unchanged(guard)])))
  const last = digest(await readOne(storage, "p", at("a")))
  assert.ok(writes.some(({ record }) => digest(record) === last))
}

export const contention: readonly Clause[] = [
  {
    id: "contention-create",
    title: "lets exactly one of 50 create a record",
    run: (subject) => oneCreator([subject.storage], { partition: "p" }),
  },
  {
    id: "contention-counter",
    title: "loses no increment of a contended counter",
    run: (subject) => counter([subject.storage], { partition: "p" }),
  },
  {
    id: "contention-write-skew",
    title: "holds what a commit only checks as firmly as what it writes: no write skew",
    run: (subject) => ring([subject.storage], subject),
  },
  {
    id: "contention-no-conflict",
    title: "commits all of 50 at the same time whose checks hold: a lost race inside the adapter is no conflict",
    run: blind,
  },
  {
    id: "clients-create",
    title: "lets exactly one of 50 create a record, through two clients",
    needs: "second",
    run: async (subject) => oneCreator([subject.storage, await subject.second()], { partition: "p" }),
  },
  {
    id: "clients-counter",
    title: "loses no increment of a counter that two clients contend for",
    needs: "second",
    run: async (subject) => counter([subject.storage, await subject.second()], { partition: "p" }),
  },
  {
    id: "clients-write-skew",
    title: "lets no write skew happen between two clients",
    needs: "second",
    run: async (subject) => ring([subject.storage, await subject.second()], subject),
  },
]
