/** Values and addresses that do not come back as they were given. */
import {
  type Address,
  type Commit,
  type StorageAdapter,
  type StoredRecord,
  takePage,
  type Write,
} from "@strongroom/core"
import { byBytes, everything } from "../../src/records.ts"
import { type Mutate, memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"

const mapRecords =
  (change: (record: StoredRecord) => StoredRecord | undefined): Mutate =>
  (client) => ({
    async read(partition, addresses, options) {
      const found = await client.read(partition, addresses, options)
      return found.map((record) => record && change(record))
    },
  })

const mapWrites = (commit: Commit, change: (write: Write) => Write): Commit => ({
  ...commit,
  writes: commit.writes.map(change),
})

/** Another way to lay out addresses; `back` turns a leaf as it is stored into the caller's. */
const layout =
  (to: (address: Address) => Address, back: (leaf: string) => string = (leaf) => leaf): Mutate =>
  (client) => ({
    read: (partition, addresses, options) => client.read(partition, addresses.map(to), options),
    commit: (partition, { checks, writes }, options) =>
      client.commit(
        partition,
        {
          checks: checks.map((check) => ({ ...check, ...to(check) })),
          writes: [
            ...new Map(
              writes.map((write) => {
                const address = to(write)
                return [`${address.collection}/${address.leaf}`, { ...write, ...address }]
              }),
            ).values(),
          ],
        },
        options,
      ),
    async list(partition, collection, options) {
      const page = await client.list(partition, to({ collection, leaf: "x" }).collection, options)
      return { ...page, records: page.records.map(({ leaf, record }) => ({ leaf: back(leaf), record })) }
    },
  })

/** Partition and collection are one key, which other pairs can have too. */
const joinedBy =
  (separator: string): Mutate =>
  (_, memory) => {
    const joined = (partition: string) =>
      layout(({ collection, leaf }) => ({ collection: `${partition}${separator}${collection}`, leaf }))(memory, memory)
    return {
      read: (partition, ...rest) => (joined(partition).read ?? memory.read)("p", ...rest),
      list: (partition, ...rest) => (joined(partition).list ?? memory.list)("p", ...rest),
      async commit(partition, ...rest) {
        const result = await (joined(partition).commit ?? memory.commit)("p", ...rest)
        const from = partition.length + separator.length
        if (result.status === "committed") return result
        const own = result.addresses.map(({ collection, leaf }) => ({ collection: collection.slice(from), leaf }))
        return { ...result, addresses: own }
      },
    }
  }

/** Lists every collection whose name is LIKE the one asked for: to SQL, "_" is any character. */
const listsLike: Mutate = (client) => {
  const known = new Set<string>()
  return {
    async commit(partition, commit, options) {
      for (const { collection } of commit.writes) known.add(collection)
      return client.commit(partition, commit, options)
    },
    async list(partition, collection, options) {
      const pattern = new RegExp(`^${collection.replaceAll(".", "[.]").replaceAll("_", ".")}$`)
      const names = new Set([collection, ...[...known].filter((name) => pattern.test(name))])
      const listed = await Promise.all([...names].map((name) => client.list(partition, name, everything)))
      const records = listed.flatMap((page) => page.records).sort((a, b) => byBytes(a.leaf, b.leaf))
      const { after } = options
      return takePage(
        records.filter(({ leaf }) => after === undefined || byBytes(leaf, after) > 0),
        options,
      )
    },
  }
}

/** Leaves that are equal when they are changed like this are one. */
const normalising = (to: (leaf: string) => string): Mutate =>
  layout(({ collection, leaf }) => ({ collection, leaf: to(leaf) }))

/** Gives back what it was given, and keeps it. */
const keepsTheCallersBytes: Mutate = (client) => {
  const kept = new Map<string, StoredRecord>()
  const keyOf = (partition: string, { collection, leaf }: Address) => `${partition}/${collection}/${leaf}`
  return {
    async commit(partition, commit, options) {
      const result = await client.commit(partition, commit, options)
      for (const write of commit.writes) if (write.record) kept.set(keyOf(partition, write), write.record)
      return result
    },
    async read(partition, addresses) {
      return addresses.map((address) => kept.get(keyOf(partition, address)))
    },
  }
}

const overwritesInPlace = (client: StorageAdapter): Partial<StorageAdapter> => ({
  async commit(partition, commit, options) {
    const before = await client.read(partition, commit.writes)
    let i = 0
    const longer = mapWrites(commit, (write) => {
      const old = before[i++]?.bytes ?? new Uint8Array(0)
      if (write.record === undefined || old.length <= write.record.bytes.length) return write
      const bytes = new Uint8Array(old)
      bytes.set(write.record.bytes)
      return { ...write, record: { ...write.record, bytes } }
    })
    return client.commit(partition, longer, options)
  },
})

export const values: readonly Mutant[] = [
  {
    name: "drops empty bytes",
    caughtBy: "values-exact",
    saying: /absent/,
    make: memoryStore(mapRecords((record) => (record.bytes.length === 0 ? undefined : record))),
  },
  {
    name: "stores bytes as text",
    caughtBy: "values-exact",
    saying: /512 bytes/,
    make: memoryStore(
      mapRecords(({ revision, bytes }) => ({ revision, bytes: Buffer.from(Buffer.from(bytes).toString()) })),
    ),
  },
  {
    name: "stores the whole block of memory that the bytes are a piece of",
    caughtBy: "values-exact",
    saying: /300 bytes/,
    make: memoryStore((client) => ({
      commit(partition, commit, options) {
        const whole = mapWrites(commit, ({ record, ...address }) => ({
          ...address,
          record: record && { ...record, bytes: new Uint8Array(record.bytes.buffer) },
        }))
        return client.commit(partition, whole, options)
      },
    })),
  },
  {
    name: "writes in place and does not cut off what was longer",
    caughtBy: "values-replaced",
    saying: /5 bytes/,
    keeps: ["values-exact"],
    make: memoryStore(overwritesInPlace),
  },
  {
    name: "shares memory with its callers",
    caughtBy: "values-not-shared",
    saying: /given/,
    keeps: ["values-exact", "values-replaced"],
    make: memoryStore(keepsTheCallersBytes),
  },
  {
    name: "keeps collections in an ordinary object",
    caughtBy: "addresses-alphabet",
    saying: /absent/,
    keeps: ["addresses-apart"],
    make: memoryStore((client) => ({
      read: async (partition, addresses, options) =>
        (await client.read(partition, addresses, options)).map((record, i) =>
          addresses[i]?.leaf === "__proto__" ? undefined : record,
        ),
    })),
  },
  {
    name: "answers a read in the order of its index, each record once",
    caughtBy: "addresses-read-order",
    saying: /absent/,
    keeps: ["values-exact"],
    make: memoryStore((client) => ({
      async read(partition, addresses, options) {
        const sorted = [...new Set(addresses.map(({ collection, leaf }) => `${collection}/${leaf}`))].sort()
        const asked = sorted.map((name) => {
          const [collection = "", leaf = ""] = name.split("/")
          return { collection, leaf }
        })
        return client.read(partition, asked, options)
      },
    })),
  },
  {
    name: "leaks a collection into those whose names begin with its own",
    caughtBy: "addresses-apart",
    saying: /a\.a/,
    keeps: ["addresses-read-order"],
    make: memoryStore((client) => ({
      async list(partition, collection, options) {
        const own = await client.list(partition, collection, options)
        const other = await client.list(partition, `${collection}.a`, options)
        return { ...own, records: [...own.records, ...other.records] }
      },
    })),
  },
  {
    name: "compares leaves without regard to case",
    caughtBy: "addresses-apart",
    saying: /A/,
    keeps: ["addresses-read-order"],
    make: memoryStore(layout(({ collection, leaf }) => ({ collection, leaf: leaf.toLowerCase() }))),
  },
  ...["-", "_", ".", "~"].map((separator) => ({
    name: `joins partition and collection by "${separator}"`,
    caughtBy: "addresses-apart",
    saying: /a a/,
    keeps: ["addresses-read-order", "model-random-commits", "pages-after"],
    make: memoryStore(joinedBy(separator)),
  })),
  {
    name: "lists a collection by LIKE",
    caughtBy: "addresses-apart",
    saying: /a_a/,
    keeps: ["addresses-alphabet", "addresses-read-order", "model-random-commits"],
    make: memoryStore(listsLike),
  },
  ...[
    { what: "drops leading zeros", to: (leaf: string) => leaf.replace(/^0+(?=\d)/, "") },
    { what: "takes a leaf for a number", to: (leaf: string) => (/^\d/.test(leaf) ? `${Number(leaf)}` : leaf) },
    { what: "drops trailing dots", to: (leaf: string) => leaf.replace(/(?<=[^.])[.]+$/, "") },
  ].map(({ what, to }) => ({
    name: what,
    caughtBy: "addresses-apart",
    saying: /007|a\./,
    keeps: ["addresses-read-order", "addresses-alphabet", "model-random-commits"],
    make: memoryStore(normalising(to)),
  })),
  {
    name: "does not store the bytes that it was given",
    caughtBy: "at-rest-as-given",
    saying: /does not show the bytes/,
    keeps: ["values-exact"],
    make: async () => {
      const store = await memoryStore()()
      return { ...store, peek: async () => [Buffer.from("something else")] }
    },
  },
]
