import { once } from "node:events"
import { createServer as createHttp, type IncomingMessage } from "node:http"
import { createServer, type Server } from "node:https"
import { type AddressInfo, createServer as createTcp } from "node:net"
import fc from "fast-check"
import { generate } from "selfsigned"
import { request } from "undici"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { AddressRefusedError, checkedAgent, publicOnlyFetch } from "../src/checked-agent.ts"

const day = 86_400_000
const made = () => ({ keyType: "ec", algorithm: "sha256", notBeforeDate: new Date(Date.now() - day) }) as const

let ca: string
let server: Server
let port: number
let received: IncomingMessage[]
const portOf = (listening: { address(): AddressInfo | string | null }) => {
  const address = listening.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

beforeAll(async () => {
  const authority = await generate([{ name: "commonName", value: "Test CA" }], {
    ...made(),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true },
    ],
  })
  const leaf = await generate([{ name: "commonName", value: "api.example.com" }], {
    ...made(),
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "api.example.com" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  })
  ca = authority.cert
  server = createServer({ key: leaf.private, cert: leaf.cert }, (req, res) => {
    received.push(req)
    if (req.url === "/silent") return
    if (req.url === "/stalls") return res.write("part")
    res.end("hello")
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  port = portOf(server)
})
beforeEach(() => {
  received = []
})
afterEach(() => server.closeAllConnections())
afterAll(() => server.close())

/** A resolver that gives its answers one after the other, the last for ever, and counts. */
const answering = (...answers: readonly (readonly string[])[]) => {
  const asked: string[] = []
  const resolve = async (host: string) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? []
    asked.push(host)
    return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
  }
  return { asked, resolve }
}

const refusal = { cause: expect.any(AddressRefusedError) }

describe("with private addresses refused", () => {
  test.each([
    [["127.0.0.1"]],
    [["8.8.8.8", "127.0.0.1"]],
    [["127.0.0.1", "8.8.8.8"]],
    [["2606:4700::1111", "::ffff:127.0.0.1"]],
    [[]],
  ])("a name that leads to %j is refused, and nothing arrives", async (addresses) => {
    const { asked, resolve } = answering(addresses)
    const guarded = publicOnlyFetch({ resolve, ca })
    await expect(guarded(`https://api.example.com:${port}/`)).rejects.toMatchObject(refusal)
    expect(asked).toEqual(["api.example.com"])
    expect(received).toEqual([])
  })

  test("localhost is refused by the system's own resolver", async () => {
    await expect(publicOnlyFetch({ ca })(`https://localhost:${port}/`)).rejects.toMatchObject(refusal)
    expect(received).toEqual([])
  })

  test("loopback is refused in every spelling that a URL knows", async () => {
    const guarded = publicOnlyFetch()
    const octal = (n: number) => `0${n.toString(8)}`
    const hex = (n: number) => `0x${n.toString(16)}`
    const part = fc.integer({ min: 0, max: 255 })
    await fc.assert(
      fc.asyncProperty(part, part, part, async (b, c, d) => {
        const whole = 127 * 2 ** 24 + b * 65_536 + c * 256 + d
        const hosts = [
          `127.${b}.${c}.${d}`,
          `127.${b}.${c * 256 + d}`,
          `127.${b * 65_536 + c * 256 + d}`,
          `${whole}`,
          octal(whole),
          hex(whole),
          [127, b, c, d].map(octal).join("."),
          [127, b, c, d].map(hex).join("."),
          `127.${b}.${c}.${d}.`,
          `[::ffff:127.${b}.${c}.${d}]`,
          `[::ffff:7f${b.toString(16).padStart(2, "0")}:${(c * 256 + d).toString(16)}]`,
          `[64:ff9b::127.${b}.${c}.${d}]`,
          "[::1]",
          "①②⑦.0.0.1",
        ]
        for (const host of hosts) {
          for (const scheme of ["http", "https"]) {
            await expect(guarded(`${scheme}://${host}:${port}/`), host).rejects.toMatchObject(refusal)
          }
        }
      }),
      { numRuns: 20 },
    )
    expect(received).toEqual([])
  })

  test("the error names the host and not the address", async () => {
    const { resolve } = answering(["10.9.8.7"])
    const error: unknown = await publicOnlyFetch({ resolve })("https://api.example.com/").catch(
      (reason) => reason.cause,
    )
    expect(error).toMatchObject({ code: "ADDRESS_NOT_PUBLIC", host: "api.example.com" })
    expect(String(error)).not.toContain("10.9.8.7")
  })

  test("each hop of a redirect is checked", async () => {
    const plain = createHttp((_, res) => {
      res.writeHead(302, { location: `https://127.0.0.1:${port}/` }).end()
    }).listen(0, "127.0.0.1")
    await once(plain, "listening")
    const guarded = publicOnlyFetch({
      allowPrivateAddresses: ["first.example"],
      resolve: answering(["127.0.0.1"]).resolve,
      ca,
    })
    await expect(guarded(`http://first.example:${portOf(plain)}/`)).rejects.toMatchObject(refusal)
    expect(received).toEqual([])
    plain.closeAllConnections()
    plain.close()
  })
})

describe("a name whose answer changes", () => {
  test("is connected to at the address that was checked, without a second question", async () => {
    // Checked at 127.0.0.1 (allowed here); whoever asks again gets the address of another server.
    const { asked, resolve } = answering(["127.0.0.1"], ["127.0.0.2"])
    const guarded = publicOnlyFetch({ allowPrivateAddresses: ["127.0.0.1"], resolve, ca })
    const response = await guarded(`https://api.example.com:${port}/`)
    expect(await response.text()).toBe("hello")
    expect(asked).toEqual(["api.example.com"])
    expect(received.map(({ socket }) => socket.localAddress)).toEqual(["127.0.0.1"])
  })

  test("is checked again with each new connection", async () => {
    const { asked, resolve } = answering(["127.0.0.1"], ["127.0.0.2"])
    const guarded = publicOnlyFetch({ allowPrivateAddresses: ["127.0.0.1"], resolve, ca })
    const first = await guarded(`https://api.example.com:${port}/`, { headers: { connection: "close" } })
    await first.text()
    await expect(guarded(`https://api.example.com:${port}/`)).rejects.toMatchObject(refusal)
    expect(asked).toHaveLength(2)
    expect(received).toHaveLength(1)
  })

  test("may have several addresses, of which the ones that answer are used", async () => {
    const { resolve } = answering(["::1", "127.0.0.1"])
    const guarded = publicOnlyFetch({ allowPrivateAddresses: ["127.0.0.0/8", "::1"], resolve, ca })
    expect((await guarded(`https://api.example.com:${port}/`)).status).toBe(200)
  })
})

describe("TLS", () => {
  const open = { allowPrivateAddresses: true, resolve: answering(["127.0.0.1"]).resolve }

  test("is verified against the URL's name", async () => {
    await expect(publicOnlyFetch({ ...open, ca })(`https://other.example.com:${port}/`)).rejects.toMatchObject({
      cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
    })
    expect(received).toEqual([])
  })

  test("is verified against the URL's name and not against a Host header, which undici's request sends", async () => {
    const dispatcher = checkedAgent({ ...open, ca })
    const headers = { host: "api.example.com" }
    await expect(request(`https://other.example.com:${port}/`, { dispatcher, headers })).rejects.toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    })
  })

  test("is verified against an address", async () => {
    expect((await publicOnlyFetch({ ...open, ca })(`https://127.0.0.1:${port}/`)).status).toBe(200)
  })

  test("trusts no further authority of itself, whatever the environment says", async () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"]
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
    try {
      await expect(publicOnlyFetch(open)(`https://api.example.com:${port}/`)).rejects.toThrow("fetch failed")
      expect(received).toEqual([])
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before
    }
  })
})

describe("time limits", () => {
  const open = { allowPrivateAddresses: true, resolve: answering(["127.0.0.1"]).resolve }

  test("a handshake that does not come", async () => {
    const mute = createTcp().listen(0, "127.0.0.1")
    await once(mute, "listening")
    await expect(
      publicOnlyFetch({ ...open, ca, connectTimeoutMs: 50 })(`https://api.example.com:${portOf(mute)}/`),
    ).rejects.toMatchObject({ cause: { code: "UND_ERR_CONNECT_TIMEOUT" } })
    mute.close()
  })

  test("a resolver that does not answer", async () => {
    const resolve = () => new Promise<never>(() => {})
    await expect(publicOnlyFetch({ resolve, connectTimeoutMs: 50 })("https://api.example.com/")).rejects.toMatchObject({
      cause: { code: "UND_ERR_CONNECT_TIMEOUT" },
    })
  })

  test("a resolver that fails", async () => {
    const resolve = () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }))
    await expect(publicOnlyFetch({ resolve })("https://api.example.com/")).rejects.toMatchObject({
      cause: { code: "ENOTFOUND" },
    })
  })

  test("headers that do not come", async () => {
    await expect(
      publicOnlyFetch({ ...open, ca, headersTimeoutMs: 50 })(`https://api.example.com:${port}/silent`),
    ).rejects.toMatchObject({ cause: { code: "UND_ERR_HEADERS_TIMEOUT" } })
    expect(received).toHaveLength(1)
  })

  test("a body that stops", async () => {
    const response = await publicOnlyFetch({ ...open, ca, bodyTimeoutMs: 50 })(`https://api.example.com:${port}/stalls`)
    await expect(response.text()).rejects.toMatchObject({ cause: { code: "UND_ERR_BODY_TIMEOUT" } })
  })
})
