import { afterEach, expect, test } from "vitest"
import { type ForwardWorld, startForwardWorld } from "./support/world.ts"

let world: ForwardWorld
afterEach(() => world.stop())

const refused = [403, { error: expect.any(String), code: "ADDRESS_NOT_PUBLIC" }]

test("private addresses are refused by default", async () => {
  world = await startForwardWorld({ allowPrivateAddresses: false })
  const answer = await world.forward({ url: world.url("/") })
  expect([answer.status, answer.json]).toEqual(refused)
  expect(answer.text).not.toContain("127.0.0.1")
  expect(world.upstream.arrivals).toEqual([])
})

test("what is allowed is only what is named", async () => {
  world = await startForwardWorld()
  expect((await world.forward({ url: world.url("/") })).status).toBe(200)
  const answer = await world.forward({ url: world.url("/", "metadata.example.com") })
  expect([answer.status, answer.json]).toEqual(refused)
})

test("a redirect to a private address is refused", async () => {
  world = await startForwardWorld()
  world.upstream.answer((_, res) => {
    res.writeHead(302, { location: world.url("/latest/meta-data/", "metadata.example.com") }).end()
  })
  const answer = await world.forward({ url: world.url("/") })
  expect([answer.status, answer.json]).toEqual(refused)
})

test.each(["https://169.254.169.254/latest/", "https://[fd00:ec2::254]/", "https://0x7f.1/"])(
  "a redirect to %s is refused",
  async (location) => {
    world = await startForwardWorld({ allowPrivateAddresses: ["api.example.com"] })
    world.upstream.answer((_, res) => res.writeHead(302, { location }).end())
    const answer = await world.forward({ url: world.url("/") })
    expect([answer.status, answer.json]).toEqual(refused)
  },
)

test("an address as the target never matches a secret's domains", async () => {
  world = await startForwardWorld()
  const answer = await world.forward({ url: `https://127.0.0.1:${world.upstream.port}/` })
  expect(answer.status).toBe(403)
  expect(answer.json).toMatchObject({ code: "RELEASE_DENIED", reason: "ip_literal" })
  expect(world.upstream.arrivals).toEqual([])
})

test("a certificate of another name is refused", async () => {
  world = await startForwardWorld()
  const answer = await world.forward({ url: world.url("/", "unknown.example.com") })
  expect(answer.status).toBe(502)
  expect(answer.json).toMatchObject({ code: "TRANSPORT_FAILED", reason: "ERR_TLS_CERT_ALTNAME_INVALID" })
  expect(world.upstream.arrivals).toEqual([])
})
