import { type StorageAdapter, StorageError } from "@strongroom/core"
import { Effect, type ManagedRuntime } from "effect"
import { printObjects, record } from "./exercise-facade.ts"
import { withServer } from "./exercise-http.ts"
import { marker } from "./markers.ts"
import { loggerOf, watched } from "./stage.ts"
import type { Traces } from "./traces.ts"

/** Leaks the control marker on every way by which the others might leak: where it is not found, nothing would be. */
export const leakControls = async (
  traces: Traces,
  storages: readonly StorageAdapter[],
  runtime: ManagedRuntime.ManagedRuntime<never, unknown>,
): Promise<void> => {
  const control = marker("control")
  loggerOf(traces).debug("control", { control })
  await record(traces, "control", () => Promise.reject(new StorageError("FATAL", control)))
  printObjects(traces, { control: { list: [{ control }] } })
  console.error(control)
  process.emitWarning(control)
  void Promise.reject(new Error(control))
  await runtime.runPromise(Effect.withSpan(Effect.void, "control", { attributes: { control } }))
  await withServer(
    (_, res) => res.end(control),
    traces,
    (call) => call({ method: "GET", path: "/control" }),
  )
  const revision = "0".repeat(26)
  const bytes = new Uint8Array(Buffer.from(control))
  const write = { collection: "control", leaf: "control", record: { revision, bytes } }
  for (const storage of storages) {
    await watched(storage, traces).commit("control", { checks: [], writes: [write] })
    await storage.close()
  }
  // The warning and the unhandled rejection are reported in a turn of their own.
  await new Promise((resolve) => setImmediate(resolve))
}
