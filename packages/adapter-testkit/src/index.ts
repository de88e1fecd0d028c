export {
  type Fault,
  type FaultInjector,
  type FaultKind,
  type FaultPlan,
  faultKinds,
  injectFaults,
} from "./faults.ts"
export { type HistoryOptions, randomHistories } from "./histories/random-histories.ts"
export { type Peer, startPeer, writePairs } from "./peer.ts"
export { type TestRunner, type TestStorageAdapterOptions, testStorageAdapter } from "./test-storage-adapter.ts"
export type { MakeStore, TestStore } from "./test-store.ts"
