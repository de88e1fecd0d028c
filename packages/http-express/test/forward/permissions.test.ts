import { reveal } from "@strongroom/core"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type ForwardWorld, startForwardWorld } from "./support/world.ts"

let world: ForwardWorld
beforeAll(async () => {
  world = await startForwardWorld()
})
afterAll(() => world.stop())
beforeEach(() => world.upstream.answer((_, res) => res.end("ok")))

const auditOf = async () => {
  const entries = []
  let after: string | undefined
  do {
    const page = await world.strongroom.audit.list(world.acme.owner, { limit: 1000, ...(after && { after }) })
    entries.push(...page.entries)
    after = page.next
  } while (after !== undefined)
  return entries.filter(({ action }) => action.startsWith("vault-secret.forward"))
}

describe("who may forward", () => {
  test.each(["use", "read", "read-write", "admin"] as const)("%s on the vault", async (permission) => {
    const answer = await world.forward({ url: world.url("/") }, await world.acme.tokenOn(permission))
    expect([answer.status, answer.text]).toEqual([200, "ok"])
  })

  test("not who holds it on another vault, for whom this one does not exist", async () => {
    const token = await world.acme.tokenOn("admin", world.acme.otherVault)
    const answer = await world.forward({ url: world.url("/") }, token)
    expect([answer.status, answer.json]).toEqual([404, { error: "vault not found", code: "VAULT_NOT_FOUND" }])
    const placeholder = await world.post(
      `/egress/vaults/${world.acme.vault}/placeholders`,
      { env_key: "API_KEY" },
      token,
    )
    expect([placeholder.status, placeholder.json]).toEqual([404, { error: "vault not found", code: "VAULT_NOT_FOUND" }])
    expect(world.upstream.arrivals).toEqual([])
  })

  test("not another workspace, whatever it knows", async () => {
    const answer = await world.forward({ url: world.url("/") }, world.other.agent)
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({ code: "PLACEHOLDER_UNKNOWN" })
    const path = `/egress/vaults/${world.acme.vault}/placeholders`
    expect((await world.post(path, { env_key: "API_KEY" }, world.other.agent)).status).toBe(404)
    expect(world.upstream.arrivals).toEqual([])
  })

  test("not a token that was revoked, though its placeholder lives on", async () => {
    const { owner, vault, issue } = world.acme
    const { id, token } = await issue([{ scope: { type: "vault", vault }, permission: "use" }])
    expect((await world.forward({ url: world.url("/") }, token)).status).toBe(200)
    await world.strongroom.tokens.revoke(owner, id)
    world.upstream.answer((_, res) => res.end())
    const answer = await world.forward({ url: world.url("/") }, token)
    expect(answer.status).toBe(401)
    expect(answer.headers["www-authenticate"]).toBe("Bearer")
    expect(answer.json).toMatchObject({ code: "UNAUTHENTICATED" })
    expect(world.upstream.arrivals).toEqual([])
  })

  test("use does no more than that", async () => {
    const { strongroom, acme } = world
    const principal = {
      ...acme.owner,
      grants: [{ scope: { type: "vault", vault: acme.vault }, permission: "use" }],
    } as const
    const { secrets } = strongroom.vaults
    const asked = [principal, acme.vault, "API_KEY", "https://api.example.com"] as const
    await expect(secrets.release(...asked)).rejects.toMatchObject({ code: "FORBIDDEN" })
    const forwarded = await secrets.release(...asked, { purpose: "forward" })
    expect(reveal(forwarded.value)).not.toBe("")
    const secret = { envKey: "NEW", value: "v" }
    await expect(secrets.create(principal, acme.vault, secret)).rejects.toMatchObject({
      code: "FORBIDDEN",
    })
  })
})

describe("which placeholder", () => {
  test("is refused when it is of another principal, another vault, or made up", async () => {
    const { strongroom, acme } = world
    const own = await world.placeholder()
    const second = await strongroom.principals.create(acme.owner, {
      name: "second",
      grants: [{ scope: { type: "workspace" }, permission: "admin" }],
    })
    const issued = await strongroom.tokens.issue(
      { workspace: acme.owner.workspace, id: second.id },
      { name: "second", grants: [{ scope: { type: "vault", vault: acme.vault }, permission: "use" }] },
    )
    const path = world.forwardPath()
    const with_ = (authorization: string) => ({ url: world.url("/"), headers: { authorization } })
    const theirs = await world.post(path, with_(own), reveal(issued.token))
    const elsewhere = await world.post(
      world.forwardPath(acme.otherVault),
      with_(own),
      await acme.tokenOn("use", acme.otherVault),
    )
    const madeUp = await world.post(path, with_(`${own.slice(0, -1)}${own.endsWith("A") ? "B" : "A"}`))
    for (const answer of [theirs, elsewhere, madeUp]) {
      expect([answer.status, answer.json]).toEqual([400, expect.objectContaining({ code: "PLACEHOLDER_UNKNOWN" })])
    }
    expect(world.upstream.arrivals).toEqual([])
  })

  test("is not made for a secret that does not exist", async () => {
    const answer = await world.post(`/egress/vaults/${world.acme.vault}/placeholders`, { env_key: "NONE" })
    expect([answer.status, answer.json]).toEqual([404, { error: expect.any(String), code: "SECRET_NOT_FOUND" }])
  })

  test("must be there: nobody forwards to anywhere without a secret", async () => {
    const answer = await world.post(world.forwardPath(), { url: world.url("/", "evil.example.net") })
    expect([answer.status, answer.json]).toEqual([400, { error: expect.any(String), code: "NO_PLACEHOLDER" }])
    expect(world.upstream.arrivals).toEqual([])
  })

  test("is refused in query and body unless the application opted in", async () => {
    const placeholder = await world.placeholder()
    for (const request of [
      { url: world.url(`/?${placeholder}`) },
      { url: world.url("/"), method: "POST", body: placeholder },
    ]) {
      const answer = await world.forward(request)
      expect([answer.status, answer.json]).toEqual([400, expect.objectContaining({ code: "PLACEHOLDER_MISPLACED" })])
    }
    expect(world.upstream.arrivals).toEqual([])
  })
})

describe("which host", () => {
  test("one outside the secret's domains gets nothing", async () => {
    const answer = await world.forward({ url: world.url("/", "evil.example.net") })
    expect(answer.status).toBe(403)
    expect(answer.json).toEqual({ error: expect.any(String), code: "RELEASE_DENIED", reason: "host_not_allowed" })
    expect(world.upstream.arrivals).toEqual([])
  })

  test("any, for a secret without domains", async () => {
    const headers = { authorization: await world.placeholder("OPEN") }
    const answer = await world.post(world.forwardPath(), { url: world.url("/", "evil.example.net"), headers })
    expect(answer.status).toBe(200)
  })

  test("none without TLS", async () => {
    const answer = await world.forward({ url: world.url("/", "api.example.com", "http") })
    expect([answer.status, answer.json]).toEqual([400, { error: expect.any(String), code: "CLEARTEXT_REFUSED" }])
  })
})

describe("the audit log", () => {
  test("has an entry for every forward, allowed or not, without the value", async () => {
    const before = (await auditOf()).length
    await world.forward({ url: world.url("/") })
    await world.forward({ url: world.url("/", "evil.example.net") })
    const entries = (await auditOf()).slice(before)
    expect(entries).toHaveLength(2)
    const { vault } = world.acme
    const subjects = entries.map(({ action, subject }) => ({ action, ...subject }))
    expect(subjects).toEqual([
      {
        action: "vault-secret.forward",
        vault,
        secret: expect.any(String),
        envKey: "API_KEY",
        host: "api.example.com",
        outcome: "allowed",
      },
      {
        action: "vault-secret.forward",
        vault,
        secret: expect.any(String),
        envKey: "API_KEY",
        host: "evil.example.net",
        outcome: "host_not_allowed",
      },
    ])
  })
})
