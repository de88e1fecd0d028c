import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

const { npm_execpath: npmScript, npm_node_execpath: npmNode } = process.env
/**
 * The npm that started this run, under the Node that runs it: it is known to reach the registry, while another Node may not
 * trust the certificate of the network's proxy.
 */
export const npm: readonly string[] = npmNode && npmScript?.endsWith("npm-cli.js") ? [npmNode, npmScript] : ["npm"]

/** Runs a command to its end and gives its standard output; its whole output is the error when it fails. */
export function run(
  [command = "", ...args]: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: { ...process.env, ...env }, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(" ")}: ${error.code ?? error.signal}\n${stdout}${stderr}`))
      else resolve(stdout)
    })
  })
}
