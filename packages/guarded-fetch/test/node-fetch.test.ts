import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { guard, secret } from "./support/guard.ts"
import { type Servers, startServers } from "./support/servers.ts"

let servers: Servers
beforeAll(async () => {
  servers = await startServers((request, response) => {
    if (request.url === "/moved") response.writeHead(307, { location: "/end" }).end()
    else response.end(`<${request.headers["x-key"]}>`)
  })
})
afterAll(() => servers.close())
beforeEach(() => void servers.arrived.splice(0))

test("over TLS, in a process that trusts the CA", async () => {
  const folder = await mkdtemp(join(tmpdir(), "guarded-fetch-"))
  try {
    await writeFile(join(folder, "ca.pem"), servers.ca)
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, "support/node-fetch-child.ts"), servers.url("localhost", "/moved")],
      { env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") } },
    )
    const { status, text, placeholder } = JSON.parse(stdout)
    expect({ status, text }).toEqual({ status: 200, text: `<${placeholder}>` })
    expect(servers.arrived.map(({ url, headers }) => [url, headers["x-key"]])).toEqual([
      ["https://localhost/moved", secret],
      ["https://localhost/end", secret],
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("not over TLS that the environment has turned off", async () => {
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
  try {
    const { fetch, placeholder } = guard()
    const headers = { "x-key": placeholder("API_KEY") }
    await expect(fetch(servers.url("localhost", "/"), { headers })).rejects.toMatchObject({
      code: "TRANSPORT_FAILED",
      details: { cause: "TLS_VERIFICATION_OFF" },
    })
    expect(servers.arrived).toEqual([])
  } finally {
    vi.unstubAllEnvs()
  }
})

test("in cleartext, opted in, with every kind of body", async () => {
  const { fetch, placeholder } = guard({ allowCleartext: true, substitute: { body: true } })
  const p = placeholder("API_KEY")
  const bodies = [p, Buffer.from(p), new Blob([p]), new Blob([p]).stream()]
  for (const body of bodies) {
    const response = await fetch(servers.clearUrl("localhost", "/"), { method: "POST", headers: { "x-key": p }, body })
    expect(await response.text()).toBe(`<${p}>`)
  }
  expect(servers.arrived.map(({ body }) => body)).toEqual(bodies.map(() => secret))
})
