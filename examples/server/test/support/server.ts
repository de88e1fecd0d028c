import { type ChildProcess, execFile, spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const example = fileURLToPath(new URL("../..", import.meta.url))

/** A repository of its own with the built example in it, so that its defaults can be tried: `.strongroom/` is there. */
export const makeTree = async () => {
  const root = await mkdtemp(join(tmpdir(), "strongroom-server-"))
  const copy = join(root, "examples/server")
  await mkdir(copy, { recursive: true })
  await cp(join(example, "dist"), join(copy, "dist"), { recursive: true })
  await cp(join(example, "package.json"), join(copy, "package.json"))
  await symlink(join(example, "node_modules"), join(copy, "node_modules"))
  const children: ChildProcess[] = []
  return {
    root,
    main: join(copy, "dist/main.js"),
    kept: join(root, ".strongroom"),
    children,
    remove: async () => {
      // What a failed test left running.
      for (const child of children) child.kill("SIGKILL")
      await rm(root, { recursive: true, force: true })
    },
  }
}

export type Tree = Awaited<ReturnType<typeof makeTree>>

/** Every file below a folder, by name and content; LMDB's lock file, which is not data, left out. */
export const contentsOf = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile() && entry.name !== "lock.mdb")
  const contents = files.map(async ({ parentPath, name }) => {
    const bytes = await readFile(join(parentPath, name))
    return `${join(parentPath, name)} ${createHash("sha256").update(bytes).digest("hex")}`
  })
  return (await Promise.all(contents)).sort()
}

/** Only PATH and what is given is in its environment; it takes a free port unless told otherwise. */
export const run = ({ main, children }: Tree, env: NodeJS.ProcessEnv = {}) => {
  const { PATH } = process.env
  const child = spawn(process.execPath, [main], { env: { PATH, PORT: "0", ...env }, stdio: ["ignore", "pipe", "pipe"] })
  children.push(child)
  const output = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => {
    output.out += chunk
  })
  child.stderr.on("data", (chunk: Buffer) => {
    output.err += chunk
  })
  /** Its exit code, or the signal that ended it. */
  const ended = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? "lost"))
  })
  return { child, output, ended }
}

/** A server that is ready, and what it printed. */
export const start = async (tree: Tree, env: NodeJS.ProcessEnv = {}) => {
  const { child, output, ended } = run(tree, env)
  const ready = async () => {
    while (!output.out.includes("allowed_domains")) await once(child.stdout, "data")
  }
  const end = await Promise.race([ready(), ended])
  if (end !== undefined) throw new Error(`the server ended with ${end}: ${output.err}`)

  const find = (pattern: RegExp) => pattern.exec(output.out)?.[1]
  const need = (pattern: RegExp) => find(pattern) ?? fail(`nothing like ${pattern} in: ${output.out}`)
  return {
    child,
    output,
    ended,
    base: need(/ready at (http:\S+)/),
    token: find(/shown this once: (\S+)/),
    workspace: need(/^workspace +(\S+)/m),
    project: need(/^project +(\S+)/m),
    environments: [...output.out.matchAll(/^environment +(\S+) +(\S+)/gm)].map(([, id = "", name = ""]) => ({
      id,
      name,
    })),
    vault: need(/^vault +(\S+)/m),
    curls: [...output.out.matchAll(/^curl (?:.*\\\n)+.*/gm)].map(([command]) => command),
    stop: (signal: NodeJS.Signals = "SIGTERM") => {
      child.kill(signal)
      return ended
    },
  }
}

const fail = (message: string): never => {
  throw new Error(message)
}

export const newToken = () => `ek_live_${randomBytes(32).toString("base64url")}`

/** Runs a program to its end and gives what it printed. */
export const output = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const { PATH } = process.env
    execFile(command, args, { env: { PATH, ...env } }, (error, stdout, stderr) =>
      error ? reject(new Error(`${command}: ${stderr}`)) : resolve(stdout),
    )
  })
