import type { StorageAdapter } from "@strongroom/core"
import type { Peer } from "./peer.ts"
import type { MakeStore, Part, TestStore } from "./test-store.ts"

/** One promise of the storage port, and how it is put to the test. */
export interface Clause {
  readonly id: string
  /** What the adapter does, in the third person. */
  readonly title: string
  readonly needs?: Part
  run(subject: Subject): Promise<void>
}

export type ClauseResult = { readonly status: "ran" } | { readonly status: "skipped"; readonly reason: string }

/** Whether a clause with this need applies, and why it must not be left out when it does. */
const needs = {
  reopen: { capability: "durable", mandatory: true },
  second: { capability: "shared", mandatory: true },
  peer: { capability: "shared", mandatory: false },
  peek: { capability: undefined, mandatory: false },
} as const

/** Every client that the store hands out is closed in the end, every peer killed. */
export class Subject {
  readonly storage: StorageAdapter
  readonly #store: TestStore
  readonly #clients: StorageAdapter[]
  readonly #peers: Peer[] = []
  #partitions = 0

  constructor(store: TestStore) {
    this.#store = store
    this.storage = store.storage
    this.#clients = [store.storage]
  }

  /** The name of a partition that is not used yet. */
  partition(): string {
    return `p${++this.#partitions}`
  }

  async second(): Promise<StorageAdapter> {
    return this.#opened(await this.#part("second")())
  }

  /** Closes all clients and opens a new one on the same data. */
  async reopen(): Promise<StorageAdapter> {
    await this.#closeAll()
    return this.#opened(await this.#part("reopen")())
  }

  peek(): Promise<readonly Uint8Array[]> {
    return this.#part("peek")()
  }

  async peer(): Promise<Peer> {
    const peer = await this.#part("peer")()
    this.#peers.push(peer)
    return peer
  }

  async dispose(): Promise<void> {
    for (const peer of this.#peers) await peer.kill()
    await this.#closeAll()
    await this.#store.dispose()
  }

  /** Why the clause does not run, if it does not. Throws where that is no excuse. */
  reasonToSkip({ id, needs: part }: Clause): string | undefined {
    if (part === undefined) return undefined
    const { capability, mandatory } = needs[part]
    if (capability !== undefined && !this.storage.capabilities[capability])
      return `the adapter is not \`${capability}\``
    if (this.#store[part] !== undefined) return undefined
    if (!mandatory) return `make() gives no \`${part}\``
    throw new Error(`${id} is mandatory for an adapter that declares \`${capability}\`: make() must give \`${part}\``)
  }

  #part<P extends Part>(part: P): NonNullable<TestStore[P]> {
    const given = this.#store[part]
    if (given === undefined) throw new Error(`the clause uses \`${part}\` without saying that it needs it`)
    return given
  }

  #opened(client: StorageAdapter): StorageAdapter {
    this.#clients.push(client)
    return client
  }

  async #closeAll(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close()
  }
}

/** Runs one clause on a store of its own. Rejects if the adapter breaks it, or if a mandatory clause cannot run. */
export const runClause = async (clause: Clause, make: MakeStore): Promise<ClauseResult> => {
  const subject = new Subject(await make())
  try {
    const reason = subject.reasonToSkip(clause)
    if (reason !== undefined) return { status: "skipped", reason }
    await clause.run(subject)
  } catch (error) {
    // What the clause found out is what the author must see, even if the store cannot be removed either.
    await subject.dispose().catch(() => {})
    throw error
  }
  await subject.dispose()
  return { status: "ran" }
}
