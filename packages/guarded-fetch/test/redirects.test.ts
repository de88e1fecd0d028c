import { redact } from "@strongroom/core"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { Release, Transport } from "../src/index.ts"
import { guard, releasing, secret } from "./support/guard.ts"
import { hosts, type Servers, startServers } from "./support/servers.ts"

let servers: Servers
/** `/to?<status>&<location>` redirects; `/hops/<n>` n times and then answers; `/loop` for ever; `/echo-to?<location>` puts what it got into Location. */
beforeAll(async () => {
  servers = await startServers((request, response) => {
    const { pathname, search } = new URL(request.arrived.url)
    const redirect = (status: number, location: string) => void response.writeHead(status, { location }).end("moved")
    const hops = /^\/hops\/([1-9]\d*)$/.exec(pathname)?.[1]
    if (hops !== undefined) return redirect(302, `${Number(hops) - 1}`)
    if (pathname === "/loop") return redirect(307, "/loop")
    const [status, ...location] = decodeURIComponent(search.slice(1)).split("&")
    if (pathname === "/to") return redirect(Number(status), location.join("&"))
    if (pathname === "/echo-to")
      return redirect(302, `${[status, ...location].join("&")}${encodeURIComponent(`${request.headers["x-key"]}`)}`)
    response.end("arrived")
  })
})
afterAll(() => servers.close())
beforeEach(() => void servers.arrived.splice(0))

const api = (path: string) => servers.url(hosts.api, path)
const to = (status: number, location: string) => api(`/to?${encodeURIComponent(`${status}&${location}`)}`)
const guarded = (options: Parameters<typeof guard>[0] = {}) => guard({ fetch: servers.transport, ...options })
const arrivedUrls = () => servers.arrived.map(({ url }) => url)

describe("each hop is decided anew", () => {
  test("to another allowed host: the key goes along, the credentials do not", async () => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    const p = placeholder("API_KEY")
    const response = await fetch(to(302, servers.url(hosts.cdn, "/end?x=1")), {
      headers: { "x-key": p, authorization: `Bearer ${p}`, cookie: `a=${p}`, "proxy-authorization": "literal" },
    })
    expect(asked).toEqual([`API_KEY ${hosts.api}`, `API_KEY ${hosts.cdn}`])
    expect(servers.arrived).toHaveLength(2)
    expect(servers.arrived[0]?.headers).toMatchObject({ authorization: `Bearer ${secret}`, cookie: `a=${secret}` })
    const { headers } = servers.arrived[1] ?? {}
    expect(headers).toMatchObject({ "x-key": secret })
    for (const name of ["authorization", "cookie", "proxy-authorization"]) expect(headers).not.toHaveProperty(name)
    expect(response).toMatchObject({ redirected: true, url: servers.url(hosts.cdn, "/end?x=1") })
    expect(await response.text()).toBe("arrived")
  })

  test("to the same origin: all goes along, and is decided again", async () => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    await fetch(to(302, "/end"), { headers: { authorization: placeholder("API_KEY"), cookie: "a=b" } })
    expect(servers.arrived[1]).toMatchObject({ headers: { authorization: secret, cookie: "a=b" } })
    expect(asked).toHaveLength(2)
  })

  test("to a host that may not have it: refused, and nothing reaches that host", async () => {
    const { fetch, placeholder } = guarded()
    const key = placeholder("API_KEY")
    await expect(fetch(to(302, servers.url(hosts.evil, "/")), { headers: { key } })).rejects.toMatchObject({
      code: "RELEASE_REFUSED",
      details: { envKey: "API_KEY", reason: "host_not_allowed" },
    })
    expect(arrivedUrls().filter((url) => new URL(url).hostname === hosts.evil)).toEqual([])
    expect(servers.arrived).toHaveLength(1)
  })

  test("to such a host with the key in Authorization only: it stays behind, and the rest goes on", async () => {
    const { fetch, placeholder } = guarded()
    const authorization = `Bearer ${placeholder("API_KEY")}`
    await fetch(to(302, servers.url(hosts.evil, "/")), { headers: { authorization, "x-other": "1" } })
    expect(servers.arrived[1]?.headers).toMatchObject({ "x-other": "1" })
    expect(JSON.stringify(servers.arrived[1])).not.toContain("s3cr3t")
  })

  test("to such a host with the key in the body: refused", async () => {
    const { fetch, placeholder } = guarded({ substitute: { body: true } })
    const body = placeholder("API_KEY")
    await expect(fetch(to(307, servers.url(hosts.evil, "/")), { method: "POST", body })).rejects.toMatchObject({
      code: "RELEASE_REFUSED",
    })
    expect(servers.arrived).toHaveLength(1)
  })

  test("from https to http: refused unless opted in, key or no key", async () => {
    const down = to(302, servers.clearUrl(hosts.api, "/"))
    const { placeholder, fetch } = guarded()
    const authorization = placeholder("API_KEY")
    for (const headers of [{ authorization }, { "x-key": placeholder("API_KEY") }, {}])
      await expect(fetch(down, { headers })).rejects.toMatchObject({ code: "CLEARTEXT_REFUSED" })
    expect(arrivedUrls().filter((url) => url.startsWith("http:"))).toEqual([])
    const open = guarded({ allowCleartext: true })
    await open.fetch(down, { headers: { "x-key": open.placeholder("API_KEY"), authorization: "literal" } })
    expect(servers.arrived.at(-1)).toMatchObject({ url: `http://${hosts.api}/`, headers: { "x-key": secret } })
    expect(servers.arrived.at(-1)?.headers).not.toHaveProperty("authorization")
  })

  // On default ports, where hosts are equal and origins are not.
  test.each([
    ["https://h.example/", "http://h.example/", false],
    ["http://h.example/", "https://h.example/", false],
    ["https://h.example/", "https://h.example:8443/", false],
    ["https://h.example/", "https://H.example:443/", true],
  ])("from %s to %s the credentials go along: %j", async (from, location, kept) => {
    const sent: Headers[] = []
    const transport: Transport = async (_, { headers }) => {
      sent.push(new Headers(headers))
      return sent.length === 1 ? new Response(null, { status: 302, headers: { location } }) : new Response("arrived")
    }
    const release: Release = async ({ target }) => ({ value: redact(secret), host: new URL(target).hostname })
    const { fetch, placeholder } = guard({ fetch: transport, release, allowCleartext: true })
    const p = placeholder("API_KEY")
    await fetch(from, { headers: { authorization: p, cookie: p, "proxy-authorization": p, "x-key": p } })
    const names = ["authorization", "cookie", "proxy-authorization", "x-key"]
    const carried = sent.map((headers) => names.filter((name) => headers.get(name) === secret))
    expect(carried).toEqual([names, kept ? names : ["x-key"]])
  })

  test.each([false, true])("a value that comes back in Location goes nowhere else (mask: %j)", async (mask) => {
    const { fetch, placeholder } = guarded({ mask })
    const headers = { "x-key": placeholder("API_KEY") }
    for (const location of [servers.url(hosts.evil, "/?stolen="), servers.url(hosts.evil, "/path/")])
      await expect(fetch(api(`/echo-to?${encodeURIComponent(location)}`), { headers })).rejects.toMatchObject({
        code: "PLACEHOLDER_MISPLACED",
      })
    const query = guarded({ mask, substitute: { query: true } })
    const echo = (host: string) => api(`/echo-to?${encodeURIComponent(servers.url(host, "/end?key="))}`)
    const init = { headers: { "x-key": query.placeholder("API_KEY") } }
    await expect(query.fetch(echo(hosts.evil), init)).rejects.toMatchObject({ code: "RELEASE_REFUSED" })
    expect(arrivedUrls().filter((url) => new URL(url).hostname === hosts.evil)).toEqual([])
    // Opted in, and allowed: it arrives, and does not show.
    const response = await query.fetch(echo(hosts.cdn), init)
    expect(new URL(servers.arrived.at(-1)?.url ?? "").searchParams.get("key")).toBe(secret)
    expect(response.url).toBe(servers.url(hosts.cdn, `/end?key=${query.placeholder("API_KEY")}`))
  })
})

describe("the number of hops", () => {
  test("five are followed, with a decision each", async () => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    const response = await fetch(api("/hops/5"), { headers: { key: placeholder("API_KEY") } })
    expect(await response.text()).toBe("arrived")
    expect(response.url).toBe(api("/hops/0"))
    expect(servers.arrived.map(({ headers }) => headers["key"])).toEqual(Array(6).fill(secret))
    expect(asked).toHaveLength(6)
  })

  test("a loop ends with the twentieth", async () => {
    await expect(guarded().fetch(api("/loop"))).rejects.toMatchObject({ code: "REDIRECT_LIMIT" })
    expect(servers.arrived).toHaveLength(21)
  })

  test("can be set", async () => {
    await expect(guarded({ maxRedirects: 2 }).fetch(api("/hops/3"))).rejects.toMatchObject({ code: "REDIRECT_LIMIT" })
    expect(servers.arrived).toHaveLength(3)
    expect((await guarded({ maxRedirects: 3 }).fetch(api("/hops/3"))).status).toBe(200)
    await expect(guarded({ maxRedirects: 0 }).fetch(api("/hops/1"))).rejects.toMatchObject({ code: "REDIRECT_LIMIT" })
  })
})

describe("the fetch standard's rules", () => {
  test.each([
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "POST", "GET"],
    [303, "PUT", "GET"],
    [303, "HEAD", "HEAD"],
    [301, "PUT", "PUT"],
    [302, "PUT", "PUT"],
    [307, "POST", "POST"],
    [308, "PUT", "PUT"],
  ])("%i turns %s into %s", async (status, method, then) => {
    const body = method === "HEAD" ? null : "content"
    const headers = { "content-language": "en", "x-other": "1" }
    await guarded().fetch(to(status, "/end"), { method, body, headers })
    const [, last] = servers.arrived
    expect(last).toMatchObject({ method: then, headers: { "x-other": "1" } })
    const kept = then === method && body !== null
    expect(last?.body).toBe(kept ? "content" : "")
    for (const name of ["content-type", "content-language"]) {
      if (kept || method === "HEAD") continue
      expect(last?.headers).not.toHaveProperty(name)
    }
  })

  test("a stream cannot be sent again, but is not needed after 303", async () => {
    const { fetch } = guarded()
    const body = () => new Blob(["streamed"]).stream()
    for (const status of [301, 302, 307, 308])
      await expect(fetch(to(status, "/end"), { method: "POST", body: body() })).rejects.toMatchObject({
        code: "BODY_NOT_REPLAYABLE",
      })
    servers.arrived.splice(0)
    await fetch(to(303, "/end"), { method: "POST", body: body() })
    expect(servers.arrived.map(({ body }) => body)).toEqual(["streamed", ""])
  })

  test("manual hands out the redirect, error refuses it", async () => {
    const { fetch, placeholder } = guarded()
    const headers = { "x-key": placeholder("API_KEY") }
    const echo = api(`/echo-to?${encodeURIComponent(servers.url(hosts.evil, "/?"))}`)
    const response = await fetch(echo, { headers, redirect: "manual" })
    expect(response.status).toBe(302)
    expect(response.headers.get("location")).toBe(servers.url(hosts.evil, `/?${placeholder("API_KEY")}`))
    await expect(fetch(echo, { headers, redirect: "error" })).rejects.toMatchObject({ code: "REDIRECT_REFUSED" })
    expect(servers.arrived).toHaveLength(2)
  })

  test.each([
    ["https://user:pass@cdn.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["https://@cdn.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["//@cdn.allowed.example/", "TARGET_REFUSED", "userinfo"],
    ["https:\\\\evil.example/", "TARGET_REFUSED", "ambiguous_url"],
    ["https://[/", "TARGET_REFUSED", "invalid_url"],
    ["file:///etc/passwd", "TARGET_REFUSED", "scheme"],
    ["data:text/html,x", "TARGET_REFUSED", "scheme"],
  ])("a redirect to %s is refused", async (location, code, reason) => {
    await expect(guarded().fetch(to(302, location))).rejects.toMatchObject({ code, details: { reason } })
    expect(servers.arrived).toHaveLength(1)
  })

  test("a relative Location is that of the current URL", async () => {
    await guarded().fetch(to(302, servers.url(hosts.cdn, "/hops/1")))
    expect(arrivedUrls().slice(1)).toEqual([`https://${hosts.cdn}/hops/1`, `https://${hosts.cdn}/hops/0`])
    await guarded().fetch(to(302, `//${new URL(servers.url(hosts.cdn, "/")).host}/end`))
    expect(arrivedUrls().at(-1)).toBe(`https://${hosts.cdn}/end`)
    await guarded().fetch(to(302, "/@a/b c?to=https://@d"))
    expect(arrivedUrls().at(-1)).toBe(`https://${hosts.api}/@a/b%20c?to=https://@d`)
  })

  test("an answer without Location is an answer", async () => {
    const response = await guarded().fetch(api("/plain"), { redirect: "error" })
    expect(response).toMatchObject({ status: 200, redirected: false })
  })
})
