import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

/** The environment of the test run without what npm and pnpm add to it, which would steer an npm started from here. */
export const cleanEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|pnpm_)/i.test(name)))

/** Runs a command to its end and gives its standard output; its whole output is the error when it fails. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: { ...cleanEnv, ...env }, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(" ")}: ${error.code ?? error.signal}\n${stdout}${stderr}`))
      else resolve(stdout)
    })
  })
}
