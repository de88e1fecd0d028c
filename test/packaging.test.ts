import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { npm, root, run } from "./run.ts"

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly license?: string
  readonly description?: string
  readonly keywords?: readonly string[]
  readonly engines?: { readonly node?: string }
  readonly files?: readonly string[]
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

const packages = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((folder) => existsSync(join(folder, "package.json")))
  .map((folder) => ({ folder, manifest: readManifest(folder) }))
  .filter(({ manifest }) => manifest.private !== true)
const tarballs = new Map<string, { readonly path: string; readonly files: readonly string[] }>()
let scratch: string

function tarballOf(name: string) {
  const tarball = tarballs.get(name)
  if (tarball === undefined) throw new Error(`${name} was not packed`)
  return tarball
}

/** What a package's exports point to, without the manifest itself. */
const exportTargets = (manifest: Manifest) =>
  Object.values(manifest.exports)
    .flatMap((target) => (typeof target === "string" ? target : Object.values(target)))
    .map((target) => target.replace("./", ""))

/** The packages that the sources import. Lines of comments do not begin like a statement. */
function importedPackages(folder: string): string[] {
  const statement = /^(?:import|export|\})(?:.*? from)? ?"([^"]+)"|^(?! *(?:\*|\/\/)).*?\bimport\("([^"]+)"\)/gm
  const names = new Set<string>()
  for (const file of readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    for (const [, first, second] of readFileSync(join(folder, "src", file), "utf8").matchAll(statement)) {
      const specifier = first ?? second ?? ""
      if (specifier.startsWith(".") || specifier.startsWith("node:")) continue
      names.add(
        specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/"),
      )
    }
  }
  return [...names].sort()
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "strongroom-packaging-"))
  for (const { folder, manifest } of packages) {
    const destination = join(scratch, manifest.name)
    await mkdir(destination, { recursive: true })
    // pnpm, because it writes real versions in place of workspace: ranges.
    await run(["pnpm", "pack", "--pack-destination", destination], folder)
    const [file = ""] = readdirSync(destination)
    const path = join(destination, file)
    const listing = await run(["tar", "-tzf", path], scratch)
    tarballs.set(manifest.name, {
      path,
      files: listing
        .trim()
        .split("\n")
        .map((line) => line.replace("package/", "")),
    })
  }
}, 60_000)

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe.each(packages)("$manifest.name", ({ folder, manifest }) => {
  test("says what it is, under which licence and for which Node", () => {
    expect(manifest).toMatchObject({
      description: expect.stringMatching(/./),
      keywords: expect.arrayContaining([expect.any(String)]),
      license: "MIT",
      engines: { node: ">=22.19" },
      files: expect.arrayContaining(["dist"]),
    })
  })

  test("packs its README, its licence and the build of its present sources, and no tests", () => {
    const { files } = tarballOf(manifest.name)
    expect(files).toEqual(expect.arrayContaining(["package.json", "README.md", "LICENSE", ...exportTargets(manifest)]))
    expect(files.filter((file) => /(^|\/)(test|tests)\/|\.test\.|\.tsbuildinfo$|tsconfig/.test(file))).toEqual([])
    const withoutSource = files
      .filter((file) => file.startsWith("dist/") && file.endsWith(".js"))
      .filter((file) => !files.includes(file.replace("dist/", "src/").replace(/\.js$/, ".ts")))
    expect(withoutSource).toEqual([])
  })

  test("passes publint", async () => {
    const content = await readFile(tarballOf(manifest.name).path)
    const tarball = Uint8Array.from(content).buffer
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  test("passes attw", async () => {
    const attw = join(root, "node_modules/.bin/attw")
    await run([attw, tarballOf(manifest.name).path, "--profile", "esm-only", "--no-emoji"], scratch)
  })

  test("depends on what it imports and on nothing else", () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    expect(importedPackages(folder)).toEqual(declared.sort())
  })
})

test("the tarballs install with npm, import and type-check in an empty project", async () => {
  const project = join(scratch, "consumer")
  await mkdir(project)
  const modules = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports)
      .filter((path) => path !== "./package.json")
      .map((path) => manifest.name + path.slice(1)),
  )
  const { devDependencies = {} } = readManifest(root)
  const beside = ["express", "@types/express", "@types/node"].map((name) => `${name}@${devDependencies[name]}`)
  await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const paths = packages.map(({ manifest }) => tarballOf(manifest.name).path)
  const quickly = ["--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1"]
  await run([...npm, "install", ...quickly, ...paths, ...beside], project)

  const imports = modules.map((name) => `if (Object.keys(await import("${name}")).length === 0) throw "${name}"`)
  await writeFile(join(project, "imports.js"), imports.join("\n"))
  await run([process.execPath, "imports.js"], project)

  await writeFile(
    join(project, "consumer.ts"),
    `import { lmdbStorage } from "@strongroom/adapter-lmdb"
import { localKeys, openStrongroom, type Strongroom } from "@strongroom/core"
import { secretsRouter } from "@strongroom/http-express"
import express from "express"
const keys = localKeys([{ id: "k1", key: crypto.getRandomValues(new Uint8Array(32)) }])
const strongroom: Strongroom = await openStrongroom({ storage: lmdbStorage({ path: "data" }), keys })
express().use(secretsRouter({ strongroom }))
await strongroom.close()
`,
  )
  const compilerOptions = { module: "NodeNext", target: "ES2024", strict: true, noEmit: true, types: ["node"] }
  await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["consumer.ts"] }))
  await run([process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", "."], project)
  await run([process.execPath, "consumer.ts"], project)
}, 120_000)
