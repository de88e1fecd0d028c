/** Limits, rules, errors, aborts and closing. */
import { setImmediate as nextTurn } from "node:timers/promises"
import { type StorageAdapter, StorageError } from "@strongroom/core"
import { plaintexts } from "../../src/clauses/at-rest.ts"
import { limits, type Mutate, memoryStore } from "../support/memory-store.ts"
import type { Mutant } from "./mutant.ts"

/** Hands each call to `call`, with the one that it replaces. */
const commitsBy = (
  commit: (client: StorageAdapter, memory: StorageAdapter) => StorageAdapter["commit"],
): ReturnType<typeof memoryStore> => memoryStore((client, memory) => ({ commit: commit(client, memory) }))

const codeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "code" in error ? error.code : undefined

const announcing = (announced: Partial<StorageAdapter["limits"]>): Mutate => {
  return () => ({ limits: { ...limits, ...announced } })
}

export const refusals: readonly Mutant[] = [
  {
    name: "announces less than the port asks for",
    caughtBy: "limits-least",
    saying: /commitRecords is 100/,
    keeps: ["values-exact"],
    make: memoryStore(announcing({ commitRecords: 100 })),
  },
  {
    name: "announces more bytes than it takes",
    caughtBy: "limits-taken",
    saying: /the limit is/,
    keeps: ["limits-least"],
    make: memoryStore(announcing({ recordBytes: 2 << 20 })),
  },
  {
    name: "takes more records than it announces",
    caughtBy: "limits-refused",
    saying: /expected LIMIT, but it was accepted/,
    keeps: ["limits-least", "limits-taken"],
    make: commitsBy((_, memory) => (partition, commit, options) => memory.commit(partition, commit, options)),
  },
  {
    name: "writes as many records as it takes before it refuses the rest",
    caughtBy: "limits-refused",
    saying: /nothing was to be written/,
    keeps: ["limits-taken"],
    make: commitsBy((client, memory) => async (partition, commit, options) => {
      try {
        return await client.commit(partition, commit, options)
      } catch (error) {
        if (codeOf(error) === "LIMIT") await memory.commit(partition, { checks: [], writes: commit.writes.slice(0, 1) })
        throw error
      }
    }),
  },
  {
    name: "swallows errors",
    caughtBy: "rules-commit",
    saying: /no writes: expected FATAL, but it was accepted/,
    keeps: ["commits-all-or-nothing"],
    make: commitsBy((client) => async (partition, commit, options) => {
      try {
        return await client.commit(partition, commit, options)
      } catch {
        return { status: "committed" }
      }
    }),
  },
  {
    name: "does not look at the names that it reads",
    caughtBy: "rules-read",
    saying: /expected FATAL, but it was accepted/,
    keeps: ["rules-commit"],
    make: memoryStore(() => ({ read: async (_, addresses) => addresses.map(() => undefined) })),
  },
  {
    name: "shows the commit in its errors",
    caughtBy: "errors-without-bytes",
    saying: /shows what was to be stored/,
    keeps: ["limits-refused", "rules-commit"],
    make: commitsBy((client) => async (partition, commit, options) => {
      try {
        return await client.commit(partition, commit, options)
      } catch (error) {
        throw Object.assign(new Error("refused", { cause: commit }), { code: codeOf(error) })
      }
    }),
  },
  {
    name: "puts a malformed name into its message",
    caughtBy: "errors-without-bytes",
    saying: /FATAL shows what was to be stored/,
    keeps: ["rules-read"],
    make: memoryStore((client) => ({
      read: (partition, addresses, options) =>
        client.read(partition, addresses, options).catch((error: unknown) => {
          throw Object.assign(new Error(`cannot read ${addresses[0]?.leaf}`), { code: codeOf(error) })
        }),
    })),
  },
  {
    name: "lets the driver's own errors through",
    caughtBy: "errors-without-bytes",
    saying: /the code ECONNRESET/,
    make: memoryStore((client) => ({
      list: (partition, collection, options) =>
        client.list(partition, collection, options).catch(() => {
          throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
        }),
    })),
  },
  {
    name: "does not look at the signal",
    caughtBy: "abort-before",
    saying: /an aborted commit: expected UNAVAILABLE, but it was accepted/,
    keeps: ["abort-never"],
    make: commitsBy((client) => (partition, commit) => client.commit(partition, commit)),
  },
  {
    name: "calls an abort harmless that came too late",
    caughtBy: "abort-during",
    saying: /was applied ended as UNAVAILABLE/,
    keeps: ["abort-before", "abort-never"],
    make: commitsBy((client) => async (partition, commit, options) => {
      const result = await client.commit(partition, commit, options)
      await nextTurn()
      if (options?.signal?.aborted) throw new StorageError("UNAVAILABLE", "aborted")
      return result
    }),
  },
  {
    name: "stops in the middle of a commit when it is aborted",
    caughtBy: "abort-during",
    saying: /was torn/,
    keeps: ["abort-before", "abort-never"],
    make: commitsBy((client) => async (partition, commit, options) => {
      for (const write of commit.writes) {
        await client.commit(partition, { checks: [], writes: [write] }, options)
        await nextTurn()
        if (options?.signal?.aborted) throw new StorageError("UNKNOWN_OUTCOME", "aborted")
      }
      return { status: "committed" }
    }),
  },
  {
    name: "takes any signal for an abort",
    caughtBy: "abort-never",
    saying: /aborted/,
    keeps: ["abort-before"],
    make: commitsBy((client) => async (partition, commit, options) => {
      if (options?.signal !== undefined) throw new StorageError("UNAVAILABLE", "aborted")
      return client.commit(partition, commit)
    }),
  },
  {
    name: "leaves a listener on the signal of each commit",
    caughtBy: "abort-never",
    saying: /1 listeners after the first calls, 10 after/,
    keeps: ["abort-before", "abort-during"],
    make: commitsBy((client) => (partition, commit, options) => {
      options?.signal?.addEventListener("abort", () => {})
      return client.commit(partition, commit, options)
    }),
  },
  {
    name: "goes on after it was closed",
    caughtBy: "close-finishes",
    saying: /after close: expected CLOSED, but it was accepted/,
    keeps: ["close-twice"],
    make: memoryStore(() => ({ close: async () => {} })),
  },
  {
    name: "cannot be closed twice",
    caughtBy: "close-twice",
    saying: /closed already/,
    keeps: ["values-exact"],
    make: memoryStore((client) => {
      let closings = 0
      return {
        async close() {
          if (closings++ > 0 && closings < 4) throw new Error("closed already")
          await client.close()
        },
      }
    }),
  },
  {
    name: "declares an exception without words",
    caughtBy: "capabilities-declared",
    saying: /a sentence/,
    make: memoryStore(() => ({ capabilities: { durable: true, shared: true, exceptions: [""] } })),
  },
  {
    name: "keeps a log of plain text beside the records",
    caughtBy: "at-rest-sealed",
    saying: /vaultValue/,
    keeps: ["at-rest-as-given"],
    make: async () => {
      const store = await memoryStore()()
      const log = Buffer.from(Buffer.from(plaintexts.vaultValue).toString("base64"))
      return { ...store, peek: async () => [...((await store.peek?.()) ?? []), log] }
    },
  },
]
