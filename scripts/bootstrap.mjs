// Makes the tree ready to run: pnpm, a Node new enough, the dependencies, the build; each only when something changed.
// Runs on Node 20 with npm and nothing else, and leaves the chosen Node as .tools/bin/node for the scripts beside it.
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import fs from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

const log = ".tools/bootstrap.log"
const installStamp = "node_modules/.strongroom-installed"
const buildStamp = ".tools/built"
const nodeLink = ".tools/bin/node"
const shippedNode = `node_modules/node-linux-${process.arch}/bin/node`
const nodeWanted = "Strongroom needs Node 22.19 or later"

/** Ends the start with a sentence instead of a stack trace. */
class Failure extends Error {}

const say = (line) => console.log(`strongroom: ${line}`)
const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "")
const filesBelow = (folder) =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    : []

const members = ["packages", "examples"].flatMap((folder) =>
  fs
    .readdirSync(folder)
    .map((name) => `${folder}/${name}`)
    .filter((member) => fs.existsSync(`${member}/package.json`)),
)

function hashOf(files, ...more) {
  const hash = createHash("sha256")
  for (const part of more) hash.update(`${part}\0`)
  for (const file of files.sort()) hash.update(`${file}\0`).update(read(file)).update("\0")
  return hash.digest("hex")
}

// A tree may be shared between a host and a container: what was installed for one platform is not right for the other.
const installHash = () =>
  hashOf(
    ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ...members.map((member) => `${member}/package.json`)],
    process.platform,
    process.arch,
  )
const buildHash = () =>
  hashOf(
    [
      "tsconfig.json",
      "tsconfig.base.json",
      ...members.map((member) => `${member}/tsconfig.json`),
      ...members.flatMap((member) => filesBelow(`${member}/src`)),
    ],
    installHash(),
  )
const installed = () => read(installStamp) === installHash()
const built = () =>
  read(buildStamp) === buildHash() && members.every((member) => fs.existsSync(`${member}/dist/.tsbuildinfo`))

function isRecent(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number)
  return major > 22 || (major === 22 && minor >= 19)
}

const runningChildren = new Set()
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
]) {
  process.on(signal, () => {
    for (const child of runningChildren) child.kill(signal)
    process.exit(code)
  })
}

/** Runs a command with its output in the log file, or on the terminal with `stdio` "inherit". */
async function run(command, args, stdio) {
  const output = fs.openSync(log, "a")
  const child = spawn(command, args, {
    stdio: stdio ?? ["ignore", output, output],
    env: {
      ...process.env,
      // pnpm would ask before it replaces a node_modules that another version made.
      CI: "true",
      // An unreachable registry is told within seconds instead of minutes.
      npm_config_fetch_retry_mintimeout: "2000",
      npm_config_fetch_retry_maxtimeout: "5000",
    },
  })
  runningChildren.add(child)
  const code = await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject))
  runningChildren.delete(child)
  fs.closeSync(output)
  return code === 0
}

const unreachable =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ERR_PNPM_META_FETCH_FAIL)\b/

function installFailure(what) {
  const output = read(log)
  const code = unreachable.exec(output)?.[1]
  const reason =
    code === undefined
      ? (/^.*(?:npm error|ERR_PNPM_|ERR!).*$/m.exec(output)?.[0].trim() ?? "no error line was given")
      : `the npm registry cannot be reached (${code}); check the network or the registry setting and run it again`
  return new Failure(`${what} failed: ${reason}. Full output: ${log}`)
}

async function install() {
  const version = /^pnpm@([\d.]+)/.exec(JSON.parse(read("package.json")).packageManager)[1]
  const pnpm = ".tools/node_modules/pnpm"
  if (JSON.parse(read(`${pnpm}/package.json`) || "{}").version !== version) {
    say(`fetching pnpm ${version} into .tools/, because it installs exactly what pnpm-lock.yaml names`)
    const args = ["install", "--prefix", ".tools", "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
    if (!(await run("npm", [...args, `pnpm@${version}`]))) throw installFailure(`Fetching pnpm ${version}`)
  }
  say(
    "installing the dependencies with pnpm, because they are missing or have changed (the first time may take a minute)",
  )
  fs.rmSync(installStamp, { force: true })
  const args = ["install", "--frozen-lockfile", "--reporter=append-only"]
  if (!(await run(process.execPath, [`${pnpm}/bin/pnpm.cjs`, ...args])))
    throw installFailure("Installing the dependencies")
  fs.writeFileSync(installStamp, installHash())
}

/** Points .tools/bin/node to this Node when it is recent enough, else to the one among the dependencies. */
function linkNode() {
  const node = isRecent(process.version) ? process.execPath : fs.realpathSync(shippedNode)
  if (fs.existsSync(nodeLink) && fs.realpathSync(nodeLink) === node) return
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout ?? ""
  if (!isRecent(version)) throw new Failure(`${nodeWanted}; the one in ${shippedNode} does not run on this machine.`)
  if (node !== process.execPath)
    say(`using Node ${version.trim()} from the npm package node-linux-${process.arch}: ${process.version} is too old`)
  fs.mkdirSync(path.dirname(nodeLink), { recursive: true })
  fs.rmSync(`${nodeLink}.new`, { force: true })
  fs.symlinkSync(node, `${nodeLink}.new`)
  fs.renameSync(`${nodeLink}.new`, nodeLink)
}

/** tsc leaves the output of a removed source in dist, where imports would still find it and a tarball would ship it. */
function removeOrphans(member) {
  for (const file of filesBelow(`${member}/dist`)) {
    const source = file.replace(/\/dist\//, "/src/").replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts")
    if (source.endsWith(".ts") && !fs.existsSync(source)) fs.rmSync(file)
  }
}

async function build() {
  say("building the packages with tsc, because sources are new or have changed")
  const hash = buildHash()
  fs.rmSync(buildStamp, { force: true })
  members.forEach(removeOrphans)
  if (!(await run(nodeLink, ["node_modules/typescript/bin/tsc", "-b"], "inherit")))
    throw new Failure("The build failed; the errors are above.")
  fs.writeFileSync(buildStamp, hash)
}

/**
 * One bootstrap at a time. The lock belongs to this process's open file, so the kernel drops it however the process
 * ends. Where there is no flock(1) (macOS), two bootstraps at once are the caller's to avoid.
 */
function lock() {
  const file = fs.openSync(".tools/lock", "w")
  const flock = (...args) => spawnSync("flock", [...args, "3"], { stdio: ["ignore", "ignore", "ignore", file] }).status
  if (flock("--nonblock") === 1) {
    say("waiting for another start or test of this tree that is installing or building")
    flock()
  }
}

async function main() {
  if (!isRecent(process.version) && !(process.platform === "linux" && ["x64", "arm64"].includes(process.arch)))
    throw new Failure(
      `${nodeWanted}: this is ${process.version}, and npm has none for ${process.platform}-${process.arch}; install one and run it again.`,
    )
  fs.mkdirSync(".tools", { recursive: true })
  if (installed() && built()) return linkNode()
  lock()
  fs.writeFileSync(log, "")
  if (!installed()) await install()
  linkNode()
  if (!built()) await build()
}

main().catch((error) => {
  console.error(`strongroom: ${error instanceof Failure ? error.message : `cannot prepare the tree: ${error.message}`}`)
  process.exitCode = 1
})
