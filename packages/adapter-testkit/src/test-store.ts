import type { StorageAdapter } from "@strongroom/core"
import type { Peer } from "./peer.ts"

/** A store of its own for one clause, as the author of an adapter makes it. */
export interface TestStore {
  /** A client on a new, empty store that nobody else uses. The kit closes it, and every other client it is given. */
  readonly storage: StorageAdapter
  /** Removes the store. By then the kit has closed all clients. */
  dispose(): Promise<void>
  /** A new client on the same data, asked for after all others were closed. An adapter that declares `durable` needs it. */
  reopen?(): Promise<StorageAdapter>
  /** Another client on the store while the first is in use. An adapter that declares `shared` needs it. */
  second?(): Promise<StorageAdapter>
  /** Every byte that the store holds at this moment (files, values, keys), decompressed, in pieces of any size. */
  peek?(): Promise<readonly Uint8Array[]>
  /** Another process on the store that writes until it is killed: `startPeer` on a script that calls `writePairs`. */
  peer?(): Promise<Peer>
}

/** What a clause may need of a store besides its first client. */
export type Part = "reopen" | "second" | "peek" | "peer"

export type MakeStore = () => Promise<TestStore>
