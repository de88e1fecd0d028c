import { type ChildProcess, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const script = (name: string): string => join(import.meta.dirname, `${name}.ts`)

/** Forks a script of this folder that reports by `process.send` and waits for its first word. */
export const start = async (name: string, ...args: string[]): Promise<ChildProcess> => {
  const child = fork(script(name), args, { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const [message] = await Promise.race([once(child, "message"), once(child, "exit")])
  if (message !== "ready") throw new Error(`${name} ended before it was ready: ${message}`)
  return child
}

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a script of this folder to its end, behind a command such as strace if one is given. */
export const run = async (
  name: string,
  args: string[],
  behind: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> => {
  const [command = process.execPath, ...rest] = [...behind, process.execPath, script(name), ...args]
  const child = spawn(command, rest, { env: { ...process.env, ...env }, detached: true })
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (text) => (output.stdout += text))
  child.stderr.on("data", (text) => (output.stderr += text))
  // The whole group: what strace traces would outlive it.
  const tooLong = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, "SIGKILL"), 20_000)
  const [code, signal] = await once(child, "close")
  clearTimeout(tooLong)
  return { ...output, code, signal }
}
