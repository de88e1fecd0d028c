import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { guard, releasing, secret } from "./support/guard.ts"
import { hosts, type Servers, startServers } from "./support/servers.ts"

let servers: Servers
beforeAll(async () => {
  servers = await startServers((_request, response) => void response.end("ok"))
})
afterAll(() => servers.close())
beforeEach(() => void servers.arrived.splice(0))

const api = (path = "/") => servers.url(hosts.api, path)
const guarded = (options: Parameters<typeof guard>[0] = {}) => guard({ fetch: servers.transport, ...options })

describe("in headers, by default", () => {
  test("a placeholder arrives as the value", async () => {
    const { fetch, placeholder } = guarded()
    const p = placeholder("API_KEY")
    await fetch(api(), { headers: { authorization: `Bearer ${p}`, "x-twice": `${p} and ${p}`, "x-plain": "as is" } })
    expect(servers.arrived).toMatchObject([
      { headers: { authorization: `Bearer ${secret}`, "x-twice": `${secret} and ${secret}`, "x-plain": "as is" } },
    ])
  })

  test.each([
    ["Authorization", "user", "Basic"],
    ["Proxy-Authorization", "üser", "basic"],
  ])("a placeholder inside the credentials of %s arrives as the value", async (name, user, scheme) => {
    const { fetch, placeholder } = guarded({ release: releasing({ API_KEY: "pässword/\u{1F511}" }).release })
    const credentials = Buffer.from(`${user}:${placeholder("API_KEY")}`).toString("base64")
    await fetch(api(), { headers: { [name]: `${scheme} ${credentials}` } })
    const arrived = String(servers.arrived[0]?.headers[name.toLowerCase()])
    expect(Buffer.from(arrived.replace("Basic ", ""), "base64").toString()).toBe(`${user}:pässword/\u{1F511}`)
  })

  test("other credentials are not touched", async () => {
    const authorization = `Basic ${btoa("user:pass")}`
    await guarded().fetch(api(), { headers: { authorization } })
    expect(servers.arrived[0]?.headers.authorization).toBe(authorization)
  })

  test.each([" key", "key ", "\tkey", "key\t"])(
    "a value whose ends a header would lose is refused: %j",
    async (value) => {
      const { fetch, placeholder } = guarded({ release: releasing({ API_KEY: value }).release })
      const p = placeholder("API_KEY")
      for (const headers of [{ "x-key": p }, { authorization: `Bearer ${p}` }])
        await expect(fetch(api(), { headers })).rejects.toMatchObject({
          code: "VALUE_UNUSABLE",
          details: { envKey: "API_KEY", place: "header" },
        })
      expect(servers.arrived).toEqual([])
      // In credentials they are no ends, but tabs are control characters.
      if (value.includes("\t")) return
      await fetch(api(), { headers: { authorization: `Basic ${btoa(`:${p}`)}` } })
      expect(servers.arrived[0]?.headers.authorization).toBe(`Basic ${btoa(`:${value}`)}`)
    },
  )

  test.each(["a\r\nx-evil: 1", "a\nb", "a\0b", "a\rb", "\u{1F511}key", "ключ"])(
    "a value that a header cannot carry is refused: %j",
    async (value) => {
      const { fetch, placeholder } = guarded({ release: releasing({ API_KEY: value }).release })
      await expect(fetch(api(), { headers: { "x-key": placeholder("API_KEY") } })).rejects.toMatchObject({
        code: "VALUE_UNUSABLE",
        details: { envKey: "API_KEY", place: "header" },
        message: expect.not.stringContaining(value),
      })
      expect(servers.arrived).toEqual([])
    },
  )

  test("credentials cannot carry control characters", async () => {
    const { fetch, placeholder } = guarded({ release: releasing({ API_KEY: "a\nb" }).release })
    const authorization = `Basic ${btoa(`user:${placeholder("API_KEY")}`)}`
    await expect(fetch(api(), { headers: { authorization } })).rejects.toMatchObject({ code: "VALUE_UNUSABLE" })
    expect(servers.arrived).toEqual([])
  })

  test("any value either arrives as it is in the header that it was meant for, or nothing is sent", async () => {
    const hostile = fc.string({ unit: fc.constantFrom("a", ":", " ", "\t", "\r", "\n", "\0", "é", "€", "\x7f", ";") })
    await guarded().fetch(api(), { headers: { "x-key": "plain" } })
    const names = Object.keys(servers.arrived[0]?.headers ?? {})
    await fc.assert(
      fc.asyncProperty(hostile, async (value) => {
        servers.arrived.splice(0)
        const { fetch, placeholder } = guarded({ release: releasing({ API_KEY: value }).release })
        const sent = await fetch(api(), { headers: { "x-key": `<${placeholder("API_KEY")}>` } }).then(
          () => true,
          (error) => {
            expect(error).toMatchObject({ code: "VALUE_UNUSABLE" })
            return false
          },
        )
        expect(servers.arrived.map(({ headers }) => headers["x-key"])).toEqual(sent ? [`<${value}>`] : [])
        for (const { headers } of servers.arrived) expect(Object.keys(headers)).toEqual(names)
      }),
      { numRuns: 60 },
    )
  })
})

describe("elsewhere, unless opted in", () => {
  test.each<[string, (p: string) => [string, RequestInit]]>([
    ["path", (p) => [`/${p}`, {}]],
    ["query", (p) => [`/?q=${p}`, {}]],
    ["header name", (p) => ["/", { headers: { [p]: "1" } }]],
    ["method", (p) => ["/", { method: p }]],
    ["body", (p) => ["/", { method: "POST", body: p }]],
    ["body", (p) => ["/", { method: "POST", body: new URLSearchParams({ p }) }]],
    ["body", (p) => ["/", { method: "POST", body: new Blob([p]) }]],
    ["body", (p) => ["/", { method: "POST", body: Buffer.from(p) }]],
  ])("a placeholder in the %s is refused and nothing is sent", async (place, make) => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    const [path, init] = make(placeholder("API_KEY"))
    await expect(fetch(api(path), init)).rejects.toMatchObject({ code: "PLACEHOLDER_MISPLACED", details: { place } })
    expect([servers.arrived, asked]).toEqual([[], []])
  })

  test("a placeholder in the host is refused", async () => {
    const { fetch, placeholder } = guarded()
    await expect(fetch(`https://${placeholder("API_KEY")}.example/`)).rejects.toMatchObject({
      code: "PLACEHOLDER_MISPLACED",
      details: { place: "host" },
    })
  })

  test("a placeholder of another guarded fetch is refused, opted in or not", async () => {
    const { fetch } = guarded({ substitute: { query: true, body: true } })
    const foreign = guarded().placeholder("API_KEY")
    for (const make of [
      () => fetch(api(), { headers: { "x-key": foreign } }),
      () => fetch(api(), { headers: { authorization: `Basic ${btoa(`u:${foreign}`)}` } }),
      () => fetch(api(`/?${foreign}`)),
      () => fetch(api(), { method: "POST", body: foreign }),
      () => fetch(api(), { method: "POST", body: new Blob([foreign]).stream() }),
    ])
      await expect(make()).rejects.toMatchObject({ code: "PLACEHOLDER_UNKNOWN" })
    expect(servers.arrived).toEqual([])
  })
})

describe("opted in", () => {
  const values = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((value) => value.isWellFormed())
  const both = { substitute: { query: true, body: true } }
  const sendWith = async (value: string, make: (p: string) => [string, RequestInit]) => {
    servers.arrived.splice(0)
    const { fetch, placeholder } = guarded({ ...both, release: releasing({ API_KEY: value }).release })
    const [path, init] = make(placeholder("API_KEY"))
    await fetch(api(path), init)
    return servers.arrived[0]
  }

  test.each<[string, (p: string) => [string, RequestInit], (arrived: { url: string; body: string }) => unknown]>([
    ["the query", (p) => [`/x?a=1&q=${p}&b=2`, {}], ({ url }) => new URL(url).searchParams.get("q")],
    [
      "URLSearchParams",
      (p) => ["/", { method: "POST", body: new URLSearchParams({ a: "1", q: p, b: "2" }) }],
      ({ body }) => new URLSearchParams(body).get("q"),
    ],
    [
      "JSON",
      (p) => [
        "/",
        {
          method: "POST",
          headers: { "content-type": "application/JSON; x=y" },
          body: JSON.stringify({ a: [1], q: p }),
        },
      ],
      ({ body }) => JSON.parse(body).q,
    ],
    [
      "JSON of another media type",
      (p) => ["/", { method: "POST", headers: { "content-type": "application/a+json" }, body: `{"q":"${p}"}` }],
      ({ body }) => JSON.parse(body).q,
    ],
    ["text", (p) => ["/", { method: "POST", body: `<${p}>` }], ({ body }) => body.slice(1, -1)],
    ["bytes", (p) => ["/", { method: "POST", body: Buffer.from(`é${p}é`) }], ({ body }) => body.slice(1, -1)],
  ])("any value arrives in %s as it is", async (_, make, read) => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const arrived = await sendWith(value, make)
        expect(arrived && read(arrived)).toBe(value)
      }),
      { numRuns: 40 },
    )
  })

  test.each(["text", "bytes"])("a length that was given for %s is that of what is sent", async (kind) => {
    const arrived = await sendWith("longer or shorter than its placeholder", (placeholder) => {
      const body = kind === "text" ? placeholder : Buffer.from(placeholder)
      return ["/", { method: "POST", headers: { "content-length": String(placeholder.length) }, body }]
    })
    expect(arrived?.headers["content-length"]).toBe("38")
    expect(arrived?.body).toBe("longer or shorter than its placeholder")
  })

  test("a stream stays one, and arrives with the value", async () => {
    const arrived = await sendWith('v"1', (placeholder) => {
      const body = new ReadableStream({
        start(controller) {
          for (const letter of `{"q":"${placeholder}"}`) controller.enqueue(Buffer.from(letter))
          controller.close()
        },
      })
      // The length of what was written is not that of what is sent.
      const headers = { "content-type": "application/json", "content-length": "70" }
      return ["/", { method: "POST", headers, body }]
    })
    expect(arrived?.body).toBe('{"q":"v\\"1"}')
    expect(arrived?.headers["transfer-encoding"]).toBe("chunked")
  })

  test("a stream whose placeholder the host may not have is broken off", async () => {
    const { fetch, placeholder } = guarded(both)
    const body = new Blob(["before ", placeholder("CDN_KEY")]).stream()
    await expect(fetch(api(), { method: "POST", body })).rejects.toMatchObject({
      code: "RELEASE_REFUSED",
      details: { envKey: "CDN_KEY" },
    })
    expect(servers.everything()).not.toContain("cdn-only")
  })

  test("a stream needs the canonical host, as it is on its way when it is decided on", async () => {
    const { fetch, placeholder } = guarded(both)
    const body = new Blob([placeholder("API_KEY")]).stream()
    const dotted = servers.url(`${hosts.api}.`, "/")
    await expect(fetch(dotted, { method: "POST", body })).rejects.toMatchObject({ code: "TARGET_REFUSED" })
    expect(servers.everything()).not.toContain("s3cr3t")
  })

  test("a form's fields and files arrive with the value, its names may not have one", async () => {
    const { fetch, placeholder } = guarded(both)
    const form = new FormData()
    form.set("field", placeholder("API_KEY"))
    form.set("file", new File([placeholder("API_KEY")], "a.txt"))
    await fetch(api(), { method: "POST", body: form })
    expect(servers.arrived[0]?.body.split(secret)).toHaveLength(3)
    const named = new FormData()
    named.set(placeholder("API_KEY"), "")
    await expect(fetch(api(), { method: "POST", body: named })).rejects.toMatchObject({ code: "PLACEHOLDER_MISPLACED" })
  })

  test("a Request is taken too, its body as a stream", async () => {
    const { fetch, placeholder } = guarded(both)
    const p = placeholder("API_KEY")
    await fetch(new Request(api("/r"), { method: "PUT", headers: { "x-key": p }, body: `<${p}>` }))
    expect(servers.arrived).toMatchObject([{ method: "PUT", headers: { "x-key": secret }, body: `<${secret}>` }])
  })
})

describe("a decision", () => {
  test("is asked for once per secret, before anything is sent", async () => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    const [a, c] = [placeholder("API_KEY"), placeholder("CDN_KEY")]
    await fetch(servers.url(hosts.cdn, "/"), { headers: { a, c, twice: `${a}${c}` } })
    expect(asked).toEqual([`API_KEY ${hosts.cdn}`, `CDN_KEY ${hosts.cdn}`])
    servers.arrived.splice(0)
    await expect(fetch(api(), { headers: { a, c } })).rejects.toMatchObject({
      code: "RELEASE_REFUSED",
      details: { envKey: "CDN_KEY", host: new URL(api()).host, reason: "host_not_allowed", cause: "FORBIDDEN" },
    })
    expect(servers.arrived).toEqual([])
  })

  test("names the host that is connected to: one trailing dot is gone", async () => {
    const { fetch, placeholder } = guarded()
    const response = await fetch(servers.url(`${hosts.api}.`, "/"), { headers: { key: placeholder("API_KEY") } })
    expect(response.status).toBe(200)
    expect(servers.arrived[0]?.headers.host).toMatch(new RegExp(`^${hosts.api}:`))
  })

  test.each<[string, string, string | undefined]>([
    ["http://api.allowed.example/", "CLEARTEXT_REFUSED", undefined],
    ["https://user:pass@api.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["https://api.allowed.example\\@evil.example/", "TARGET_REFUSED", "ambiguous_url"],
    ["https://api.allowed.ex\tample/", "TARGET_REFUSED", "ambiguous_url"],
    [" https://api.allowed.example/", "TARGET_REFUSED", "ambiguous_url"],
    ["https://api.allowed.example/a b", "TARGET_REFUSED", "ambiguous_url"],
    ["https://api.allowed.example/\u00a0", "TARGET_REFUSED", "ambiguous_url"],
    ["https://api.allowed.example/\u0085", "TARGET_REFUSED", "ambiguous_url"],
    ["https://@api.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["https:@api.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["https:///@api.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["file:///etc/passwd", "TARGET_REFUSED", "scheme"],
    ["data:text/plain,x", "TARGET_REFUSED", "scheme"],
    ["/relative", "TARGET_REFUSED", "invalid_url"],
  ])("is not even asked for with %s", async (url, code, reason) => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    const refused = expect(fetch(url, { headers: { key: placeholder("API_KEY") } })).rejects
    await refused.toMatchObject({ code, ...(reason === undefined ? {} : { details: { reason } }) })
    expect(asked).toEqual([])
  })

  test("is for the host of the URL: another Host header is refused, integrity too", async () => {
    const { fetch } = guarded()
    await expect(fetch(api(), { headers: { host: hosts.evil } })).rejects.toMatchObject({
      code: "TARGET_REFUSED",
      details: { reason: "host_header" },
    })
    await expect(fetch(api(), { integrity: "sha256-AAAA" })).rejects.toMatchObject({ code: "TARGET_REFUSED" })
    expect(servers.arrived).toEqual([])
    await fetch(api(), { headers: { host: new URL(api()).host } })
    expect(servers.arrived).toHaveLength(1)
  })

  test("lets cleartext through when opted in", async () => {
    const { fetch, placeholder } = guarded({ allowCleartext: true })
    await fetch(servers.clearUrl(hosts.api, "/"), { headers: { key: placeholder("API_KEY") } })
    expect(servers.arrived).toMatchObject([{ url: `http://${hosts.api}/`, headers: { key: secret } }])
  })
})
