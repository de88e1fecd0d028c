import { makeEngine } from "./engine.ts"
import { runInProcess } from "./in-process.ts"
import { startApi } from "./made-up-api.ts"
import { runOverHttp } from "./over-http.ts"

const print = (title: string, lines: readonly string[]) =>
  console.log([title, ...lines.map((line) => `  ${line}`), ""].join("\n"))

const api = await startApi()
const engine = await makeEngine(api.host)
try {
  print("What the agent sees, in this process with guarded fetch:", await runInProcess(engine, api))
  print("What the agent sees, in a sandbox with the forward endpoint:", await runOverHttp(engine, api))
  print("What the API received:", api.received)
  const { entries } = await engine.strongroom.audit.list(engine.owner, { limit: 1000 })
  const forwards = entries.filter(({ action }) => action === "vault-secret.forward")
  print(
    "What the audit log says:",
    forwards.map(({ action, subject }) => `${action} ${JSON.stringify(subject)}`),
  )
} finally {
  await engine.strongroom.close()
  await api.stop()
}
