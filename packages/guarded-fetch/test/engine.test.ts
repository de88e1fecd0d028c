import { localKeys, memoryStorage, openStrongroom } from "@strongroom/core"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { guardedFetch } from "../src/index.ts"
import { hosts, type Servers, startServers } from "./support/servers.ts"

let servers: Servers
beforeAll(async () => {
  servers = await startServers((request, response) => {
    if (request.url === "/away") response.writeHead(302, { location: servers.url(hosts.evil, "/") }).end()
    else response.end(`you sent ${request.headers["x-key"]}`)
  })
})
afterAll(() => servers.close())
beforeEach(() => void servers.arrived.splice(0))

test("with an engine: the allowed domains of the stored secret decide, each decision is audited, none tells the value", async () => {
  const value = "stored-value-8f1c"
  const strongroom = await openStrongroom({
    storage: memoryStorage(),
    keys: localKeys([{ id: "k1", key: new Uint8Array(32).fill(7) }]),
  })
  const { owner } = await strongroom.workspaces.create({ slug: "acme", name: "Acme" })
  const vault = await strongroom.vaults.create(owner, { name: "keys" })
  const allowedDomains = ["*.allowed.example"]
  await strongroom.vaults.secrets.create(owner, vault.id, { envKey: "API_KEY", value, allowedDomains })
  const of = (permission: "use" | "read") => ({
    workspace: owner.workspace,
    id: "agent",
    grants: [{ scope: { type: "vault", vault: vault.id }, permission } as const],
  })
  const make = (permission: "use" | "read", purpose?: "release" | "forward") =>
    guardedFetch({
      strongroom,
      principal: of(permission),
      vault: vault.id,
      fetch: servers.transport,
      ...(purpose && { purpose }),
    })

  const { fetch, placeholder } = make("read")
  const headers = { "x-key": placeholder("API_KEY") }
  const response = await fetch(servers.url(hosts.api, "/"), { headers })
  expect(await response.text()).toBe(`you sent ${placeholder("API_KEY")}`)
  expect(servers.arrived[0]?.headers["x-key"]).toBe(value)

  const refused = { code: "RELEASE_REFUSED", details: { cause: "RELEASE_DENIED", reason: "host_not_allowed" } }
  await expect(fetch(servers.url(hosts.evil, "/"), { headers })).rejects.toMatchObject(refused)
  await expect(fetch(servers.url(hosts.api, "/away"), { headers })).rejects.toMatchObject(refused)
  expect(servers.arrived.map(({ url }) => new URL(url).hostname)).not.toContain(hosts.evil)

  const forward = make("use", "forward")
  await forward.fetch(servers.url(hosts.api, "/"), { headers: { "x-key": forward.placeholder("API_KEY") } })
  const weak = make("use")
  await expect(
    weak.fetch(servers.url(hosts.api, "/"), { headers: { "x-key": weak.placeholder("API_KEY") } }),
  ).rejects.toMatchObject({ code: "RELEASE_REFUSED", details: { cause: "FORBIDDEN" } })
  const unknown = { headers: { "x-key": placeholder("NO_KEY") } }
  await expect(fetch(servers.url(hosts.api, "/"), unknown)).rejects.toMatchObject({
    details: { cause: "SECRET_NOT_FOUND" },
  })

  const { entries } = await strongroom.audit.list(owner)
  const decisions = entries.filter(({ action }) => /release|forward/.test(action))
  expect(decisions.map(({ action, subject }) => [action, subject["host"], subject["outcome"]])).toEqual([
    ["vault-secret.release", hosts.api, "allowed"],
    ["vault-secret.release", hosts.evil, "host_not_allowed"],
    ["vault-secret.release", hosts.api, "allowed"],
    ["vault-secret.release", hosts.evil, "host_not_allowed"],
    ["vault-secret.forward", hosts.api, "allowed"],
  ])
  expect(JSON.stringify(entries)).not.toContain(value)
  await strongroom.close()
})
