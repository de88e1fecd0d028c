import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startServer, stopServers } from "../packages/adapter-redis/test/support/server.ts"
import { type Block, blocksOf } from "./blocks.ts"
import { startDemoServer } from "./demo-server.ts"
import { root, run } from "./run.ts"

const documents = globSync(["README.md", "packages/*/README.md", "docs/*.md"], { cwd: root })
  .sort()
  .map((file) => ({ file, blocks: blocksOf(file, readFileSync(join(root, file), "utf8")) }))
const runs = (command: string) => spawnSync(command, ["--version"]).status === 0
const hasCurl = runs("curl")
const hasRedis = runs("redis-server")
const needsRedis = ({ code }: Block) => code.includes("REDIS_URL")
const typeScript = documents.flatMap(({ blocks }) => blocks).filter(({ language }) => language === "ts")

// Inside the tree, so that the blocks resolve the packages as an application does; .tools is not under version control.
let scratch: string
beforeAll(async () => {
  mkdirSync(join(root, ".tools"), { recursive: true })
  scratch = await mkdtemp(join(root, ".tools/docs-"))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** Puts a block in a folder of its own. */
async function placeBlock({ place, language, code }: Block): Promise<{ folder: string; file: string }> {
  const folder = join(scratch, place.replaceAll(/[/:]/g, "-"))
  const file = `block.${language}`
  mkdirSync(folder, { recursive: true })
  await writeFile(join(folder, file), code)
  return { folder, file }
}

async function runBlock(block: Block, variables: NodeJS.ProcessEnv): Promise<void> {
  const { folder, file } = await placeBlock(block)
  if (block.language === "sh") await run(["bash", "-euo", "pipefail", file], folder, variables)
  else await run([process.execPath, file], folder, variables)
}

async function checkTypes(blocks: readonly Block[]): Promise<void> {
  const placed = await Promise.all(blocks.map(placeBlock))
  const config = {
    extends: join(root, "tsconfig.test.json"),
    compilerOptions: { moduleDetection: "force", noPropertyAccessFromIndexSignature: false },
    include: placed.map(({ folder, file }) => join(folder, file)),
  }
  await writeFile(join(scratch, "tsconfig.json"), JSON.stringify(config))
  await run([process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", "."], scratch)
}

test.skipIf(typeScript.length === 0)("the TypeScript blocks of all documents type-check", () => checkTypes(typeScript))

describe.each(documents.filter(({ blocks }) => blocks.some(({ notRun }) => notRun === undefined)))(
  "$file",
  ({ blocks }) => {
    let server: Awaited<ReturnType<typeof startDemoServer>>
    let redis: NodeJS.ProcessEnv = {}
    beforeAll(async () => {
      server = await startDemoServer()
      if (hasRedis && blocks.some(needsRedis)) redis = { REDIS_URL: (await startServer()).url }
    })
    afterAll(async () => {
      await server?.stop()
      await stopServers()
    })

    test.for(blocks.filter(({ notRun }) => notRun === undefined))("$language at $place runs", (block, { skip }) => {
      skip(!hasCurl && block.language === "sh" && block.code.includes("curl"), "curl is missing")
      skip(!hasRedis && needsRedis(block), "redis-server is missing")
      return runBlock(block, { ...server.variables, ...redis })
    })
  },
)

describe("the checks of the blocks themselves", () => {
  const block = (language: Block["language"], code: string): Block => ({
    language,
    place: `made-up.md:${language}`,
    code,
    notRun: undefined,
  })

  test("read language, place, code and reason from a text", () => {
    const text =
      "# A\n```ts no-run listens until stopped\nlisten()\n```\n\n```json\n{}\n```\n```sh\ncurl x\n```\n```sh\nnpm test\n```\n"
    expect(blocksOf("a.md", text)).toEqual([
      { language: "ts", place: "a.md:2", code: "listen()\n", notRun: "listens until stopped" },
      { language: "sh", place: "a.md:9", code: "curl x\n", notRun: undefined },
      { language: "sh", place: "a.md:12", code: "npm test\n", notRun: expect.any(String) },
    ])
  })

  test.each(["no-run", "norun because", "title=x"])('refuse the words "%s" after the language', (info) => {
    expect(() => blocksOf("a.md", `\`\`\`ts ${info}\n\`\`\`\n`)).toThrow("a.md:1")
  })

  test("fail when a block fails", async () => {
    await expect(runBlock(block("sh", "false\ntrue\n"), {})).rejects.toThrow("bash")
    await expect(runBlock(block("sh", '[ "$BASE" = here ]\n'), { BASE: "here" })).resolves.toBeUndefined()
    await expect(runBlock(block("ts", 'const text: string = "no"\nthrow new Error(text)\n'), {})).rejects.toThrow("no")
    await expect(runBlock(block("js", 'import "@strongroom/core"\n'), {})).resolves.toBeUndefined()
    await expect(checkTypes([block("ts", "const text: string = 1\n")])).rejects.toThrow("TS2322")
  })
})
