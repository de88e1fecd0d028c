import { brotliCompressSync, gzipSync } from "node:zlib"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { guard, releasing, secret } from "./support/guard.ts"
import { type Handler, hosts, type Servers, startServers } from "./support/servers.ts"

let servers: Servers
let handler: Handler
beforeAll(async () => {
  servers = await startServers((request, response) => handler(request, response))
})
afterAll(() => servers.close())
beforeEach(() => void servers.arrived.splice(0))

const guarded = (options: Parameters<typeof guard>[0] = {}) => guard({ fetch: servers.transport, ...options })
const url = () => servers.url(hosts.api, "/")
const keyOf = (request: { headers: NodeJS.Dict<string | string[]> }) => String(request.headers["x-key"])

/** Sends the key to a server that answers so. */
const answered = async (answer: Handler, options: Parameters<typeof guard>[0] = {}) => {
  handler = answer
  const { fetch, placeholder } = guarded(options)
  const p = placeholder("API_KEY")
  return { p, response: await fetch(url(), { headers: { "x-key": p } }) }
}

describe("a value that comes back", () => {
  test("in headers, cookies, the status text and a header's name is masked", async () => {
    const value = "Key-0123456789"
    const { p, response } = await answered(
      (request, response) => {
        const key = keyOf(request)
        const base64 = Buffer.from(`id:${key}`).toString("base64")
        response.writeHead(
          200,
          `OK ${key}`,
          [
            ["set-cookie", `a=${key}`],
            ["set-cookie", "b=plain"],
            ["set-cookie", `c=${encodeURIComponent(key)}`],
            ["x-base64", base64],
            [`x-${key}`, "1"],
            ["x-plain", "plain"],
          ].flat(),
        )
        response.end()
      },
      { release: releasing({ API_KEY: value }).release },
    )
    expect(response.statusText).toBe(`OK ${p}`)
    expect(response.headers.getSetCookie()).toEqual([`a=${p}`, "b=plain", `c=${p}`])
    expect(response.headers.get("x-base64")).toContain(p)
    expect(response.headers.get("x-plain")).toBe("plain")
    const all = [...response.headers].flat().join("\n")
    expect(all.toLowerCase()).not.toContain(value.toLowerCase())
  })

  test.each([" key-0123456789", "key-0123456789\t", "\n key-0123456789 \n"])(
    "without the white space at its ends is masked: %j",
    async (value) => {
      const { fetch, placeholder } = guarded({
        substitute: { body: true },
        release: releasing({ API_KEY: value }).release,
      })
      handler = (request, response) => {
        const trimmed = request.arrived.body.trim()
        response.writeHead(200, { [`x-${trimmed}`]: "1", "x-trimmed": trimmed })
        response.end(`${trimmed} ${btoa(trimmed)} ${request.arrived.body}`)
      }
      const p = placeholder("API_KEY")
      const response = await fetch(url(), { method: "POST", body: p })
      expect(response.headers.get("x-trimmed")).toBe(p)
      expect([...response.headers.keys()].filter((name) => name.includes("key"))).toEqual([])
      expect((await response.text()).split(p)).toHaveLength(4)
    },
  )

  test("in a JSON body is masked, and what remains is the same JSON", async () => {
    const { p, response } = await answered((request, response) => {
      const key = keyOf(request)
      response.setHeader("content-type", "application/json")
      response.end(JSON.stringify({ key, nested: [{ [key]: 1 }, JSON.stringify({ key })], other: 'é"' }))
    })
    expect(await response.json()).toEqual({ key: p, nested: [{ [p]: 1 }, `{"key":"${p}"}`], other: 'é"' })
    expect(response.headers.get("content-length")).toBeNull()
  })

  test.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["identity", (text: string) => Buffer.from(text)],
  ])("in a body of content coding %s is masked", async (coding, compress) => {
    const { p, response } = await answered((request, response) => {
      response.setHeader("content-encoding", coding)
      response.end(compress(`<${keyOf(request)}>`))
    })
    expect(await response.text()).toBe(`<${p}>`)
    expect(response.headers.get("content-encoding")).toBeNull()
  })

  test.each(["zstd", "gzip, identity", "identity, gzip", "gzip,", ",gzip", "gzip gzip", "x"])(
    "in the content coding %j, which is not decoded: the answer is refused",
    async (coding) => {
      const answer: Handler = (request, response) => {
        response.setHeader("content-encoding", coding)
        response.end(gzipSync(keyOf(request)))
      }
      await expect(answered(answer)).rejects.toMatchObject({
        code: "RESPONSE_REFUSED",
        details: { reason: "content_encoding" },
      })
      // Nothing was used, so nothing can come back.
      expect((await guarded().fetch(url())).status).toBe(200)
    },
  )

  test.each(["gzip, gzip", "GZIP,x-gzip"])("in the content coding %j is masked", async (coding) => {
    const { p, response } = await answered((request, response) => {
      response.setHeader("content-encoding", coding)
      response.end(gzipSync(gzipSync(keyOf(request))))
    })
    expect(await response.text()).toBe(p)
  })

  test("no other codings are asked for, whatever the caller accepts", async () => {
    handler = (_request, response) => void response.end()
    await guarded().fetch(url(), { headers: { "accept-encoding": "zstd, rot13" } })
    expect(servers.arrived[0]?.headers["accept-encoding"]).toBe("br, gzip, deflate")
  })

  test("in binary content is masked as well", async () => {
    const { p, response } = await answered((request, response) => {
      response.setHeader("content-type", "application/octet-stream")
      response.end(Buffer.concat([Buffer.from([0, 255]), Buffer.from(keyOf(request)), Buffer.from([254])]))
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.toString("latin1")).toBe(`\0\xff${p}\xfe`)
  })

  test("cut at each border of the network's chunks is masked", async () => {
    const { release } = releasing({ API_KEY: "hunter2+hunter3" })
    const text = (key: string) => `a ${key} b ${btoa(`?${key}`)} c`
    for (let cut = 1; cut < text("hunter2+hunter3").length; cut += 1) {
      const { p, response } = await answered(
        (request, response) => {
          const all = text(keyOf(request))
          response.write(all.slice(0, cut))
          setImmediate(() => response.end(all.slice(cut)))
        },
        { release },
      )
      const shown = await response.text()
      expect(shown.startsWith(`a ${p} b `)).toBe(true)
      expect(shown.split(p)).toHaveLength(3)
    }
  })

  test("is masked in a clone and in all the ways to read a body", async () => {
    const echo: Handler = (request, response) => void response.end(JSON.stringify(keyOf(request)))
    const { p, response } = await answered(echo)
    const clone = response.clone()
    expect(clone).toMatchObject({ url: response.url, status: 200, ok: true })
    expect([await clone.json(), await response.json()]).toEqual([p, p])
    const reads: ((response: Response) => Promise<string>)[] = [
      (response) => response.text(),
      (response) => response.clone().text(),
      async (response) => Buffer.from(await response.arrayBuffer()).toString(),
      async (response) => (await response.blob()).text(),
      async (response) => {
        let text = ""
        for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString()
        return text
      },
    ]
    for (const read of reads) {
      const { p, response } = await answered((request, response) => void response.end(`<${keyOf(request)}>`))
      expect(await read(response)).toBe(`<${p}>`)
    }
  })

  test("is masked for every secret that any hop used", async () => {
    const values = ["first-value", "second-value"]
    const { release } = releasing()
    const { fetch, placeholder } = guarded({
      // Rotated between the two hops; the server still knows the old one.
      release: async (request) => {
        const { host } = await release(request)
        const value = (await releasing({ API_KEY: values.shift() ?? "" }).release(request)).value
        return { host, value }
      },
    })
    handler = (request, response) => {
      if (request.url === "/end") response.end(`first-value ${keyOf(request)}`)
      else response.writeHead(302, { location: servers.url(hosts.cdn, "/end") }).end()
    }
    const p = placeholder("API_KEY")
    const response = await fetch(url(), { headers: { "x-key": p } })
    expect(servers.arrived.map(keyOf)).toEqual(["first-value", "second-value"])
    expect(await response.text()).toBe(`${p} ${p}`)
  })

  test("is not masked when that is turned off", async () => {
    const { response } = await answered((request, response) => void response.end(keyOf(request)), { mask: false })
    expect(await response.text()).toBe(secret)
  })

  test("does not show in the URL of the answer", async () => {
    handler = (_request, response) => void response.end()
    const { fetch, placeholder } = guarded({ substitute: { query: true } })
    const p = placeholder("API_KEY")
    const response = await fetch(`${url()}?q=${p}#part`)
    expect(new URL(servers.arrived[0]?.url ?? "").searchParams.get("q")).toBe(secret)
    expect(response.url).toBe(`${url()}?q=${p}`)
  })
})

describe("an answer is a real one", () => {
  test.each([200, 201, 204, 304, 404, 500, 599, 999])("with status %i", async (status) => {
    const { response } = await answered((_request, response) => void response.writeHead(status).end())
    expect(response).toBeInstanceOf(Response)
    expect(response).toMatchObject({ status, ok: status < 300, redirected: false, url: url() })
    expect(await response.text()).toBe("")
  })

  test.each([
    ["200 \u2713 ok", ""],
    ["200 caf\u00e9", "café"],
    ["200 tab\there", "tab\there"],
    ["200 ", ""],
  ])("with the status line %j", async (status, statusText) => {
    const { response } = await answered(
      (request) => void request.socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 2\r\n\r\nok`),
    )
    expect(response).toMatchObject({ status: 200, statusText })
    expect(await response.text()).toBe("ok")
  })

  test("with a status text that is not UTF-8", async () => {
    const { response } = await answered((request) => {
      request.socket.end(Buffer.from("HTTP/1.1 200 caf\u00e9\r\ncontent-length: 2\r\n\r\nok", "latin1"))
    })
    expect([response.statusText, await response.text()]).toEqual(["", "ok"])
  })

  test.each([
    ["a header that is none", 200, "a b"],
    ["a body where there is none", 204, "x-a"],
  ])("or the transport has failed: %s", async (_, status, name) => {
    const cancelled = vi.fn()
    const headers = Object.assign(new Map([[name, "1"]]), { get: () => null })
    const { fetch, placeholder } = guard({
      fetch: async () => ({ status, statusText: "", headers, body: new ReadableStream({ cancel: cancelled }) }),
    })
    const answer = fetch("https://api.allowed.example/", { headers: { "x-key": placeholder("API_KEY") } })
    await expect(answer).rejects.toMatchObject({ code: "TRANSPORT_FAILED", details: { cause: "UNKNOWN" } })
    expect(cancelled).toHaveBeenCalledTimes(1)
  })

  test("to HEAD, with its length", async () => {
    handler = (_request, response) => void response.setHeader("content-length", "5").end()
    const response = await guarded().fetch(url(), { method: "HEAD" })
    expect(response.headers.get("content-length")).toBe("5")
    expect(response.body).toBeNull()
  })
})
