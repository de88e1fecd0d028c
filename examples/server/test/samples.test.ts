import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { requireCurl } from "./support/curl.ts"
import { makeTree, newToken, output, start, type Tree } from "./support/server.ts"

/**
 * The code samples of the two APIs' documentation, word for word in samples/, run with nothing changed but scheme, host,
 * token, ids and the placeholder of the body.
 */
let tree: Tree
let server: Awaited<ReturnType<typeof start>>
const token = newToken()
beforeEach(async () => {
  tree = await makeTree()
  server = await start(tree, { STRONGROOM_STORAGE: "memory:", STRONGROOM_DEMO_TOKEN: token })
})
afterEach(async () => {
  await server.stop()
  await tree.remove()
})

const changed = async (sample: string, changes: Readonly<Record<string, string>>): Promise<string> => {
  let text = await readFile(new URL(`samples/${sample}`, import.meta.url), "utf8")
  for (const [from, to] of Object.entries(changes)) {
    expect(text).toContain(from)
    text = text.replace(from, () => to)
  }
  return text
}

const runTypeScript = async (name: string, code: string, env: NodeJS.ProcessEnv = {}) => {
  const file = join(tree.root, name)
  await writeFile(file, code)
  return JSON.parse(await output(process.execPath, [file], env))
}

const secrets = (key: string, value: string) => `environments: ["${server.environments[0]?.id}"],
    secrets: [{ key: "${key}", value: "${value}", type: "runtime", dataType: "text" }],`

describe("Enkryptify", () => {
  const isReadBack = async (key: string, value: string) => {
    const path = `/v1/workspace/${server.workspace}/project/${server.project}/secret/${key}`
    const response = await fetch(server.base + path, { headers: { authorization: `Bearer ${token}` } })
    expect(await response.json()).toMatchObject({ name: key, values: [{ value }] })
  }

  test("curl", async (context) => {
    requireCurl(context)
    const body = {
      environments: [server.environments[0]?.id],
      secrets: [{ key: "BY_CURL", value: "c", type: "runtime", dataType: "text" }],
    }
    const command = await changed("enkryptify.sh.txt", {
      "http://localhost:8080": server.base,
      ek_live_xxxxx: token,
      "{ // request body fields, see schema }": JSON.stringify(body),
    })
    expect(await output("sh", ["-c", command])).toBe('{"success":true}')
    await isReadBack("BY_CURL", "c")
  })

  test("TypeScript", async () => {
    const code = await changed("enkryptify.ts.txt", {
      "http://localhost:8080": server.base,
      ek_live_xxxxx: token,
      "// request body fields, see schema": secrets("BY_TYPESCRIPT", "t"),
    })
    const print = "console.log(JSON.stringify([response.status, data]))\nexport {}\n"
    expect(await runTypeScript("enkryptify.mts", code + print)).toEqual([200, { success: true }])
    await isReadBack("BY_TYPESCRIPT", "t")
  })
})

describe("Nairi", () => {
  const wholeSeconds = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/)
  const secret = {
    id: expect.stringMatching(/^sec_[0-9A-HJKMNP-TV-Z]{26}$/),
    env_key: "DATABASE_URL",
    allowed_domains: ["*.example.com"],
    created_at: wholeSeconds,
    updated_at: wholeSeconds,
  }

  test("curl", async (context) => {
    requireCurl(context)
    const command = await changed("nairi.sh.txt", { "https://api.nairi.ai": server.base, VAULT_ID: server.vault })
    expect(JSON.parse(await output("sh", ["-c", command], { NAIRI_API_KEY: token }))).toEqual(secret)
  })

  test("TypeScript", async () => {
    const code = await changed("nairi.ts.txt", { "https://api.nairi.ai": server.base })
    const before = `const vaultId = "${server.vault}"\n`
    const print = "console.log(JSON.stringify([res.status, data]))\nexport {}\n"
    const printed = await runTypeScript("nairi.mts", before + code + print, { NAIRI_API_KEY: token })
    expect(printed).toEqual([201, secret])
  })
})
