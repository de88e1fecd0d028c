import { inspect } from "node:util"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { GuardedFetchError, type Transport } from "../src/index.ts"
import { needlesOf } from "../src/needles.ts"
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
const url = (path = "/") => servers.url(hosts.api, path)

/** Everything that a log could make of an error. */
const shown = (error: unknown): string => {
  const seen: string[] = [inspect(error, { depth: 20, showHidden: true, getters: true }), String(error)]
  for (let at = error; at instanceof Error; at = at.cause) seen.push(at.message, at.stack ?? "", JSON.stringify(at))
  return seen.join("\n")
}

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("it was to be rejected"),
    (error: unknown) => error,
  )

const expectClean = (error: unknown) => {
  for (const needle of needlesOf(secret)) expect(shown(error)).not.toContain(Buffer.from(needle).toString("latin1"))
}

describe("no error tells the value", () => {
  const withKey = (options: Parameters<typeof guard>[0] = {}) => {
    const { fetch, placeholder } = guarded({ substitute: { query: true, body: true }, ...options })
    const p = placeholder("API_KEY")
    const init = { method: "POST", headers: { "x-key": p, authorization: `Basic ${btoa(`u:${p}`)}` }, body: p }
    return fetch(url(`/?q=${p}`), init)
  }

  test("when the connection is reset", async () => {
    handler = (request) => void request.socket.destroy()
    const error = await rejection(withKey())
    expect(servers.everything()).toContain("s3cr3t")
    expect(error).toBeInstanceOf(GuardedFetchError)
    expect(error).toMatchObject({ code: "TRANSPORT_FAILED", details: { cause: "UND_ERR_SOCKET" } })
    expectClean(error)
  })

  test("when the connection is reset in the middle of the answer", async () => {
    handler = (request, response) => {
      response.write(`a${request.headers["x-key"]}b`)
      response.write("c", () => void request.socket.destroy())
    }
    const response = await withKey()
    const error = await rejection(response.text())
    expect(error).toMatchObject({ code: "TRANSPORT_FAILED" })
    expectClean(error)
  })

  test("when the certificate is not trusted: verification is on, and nothing arrives", async () => {
    const error = await rejection(withKey({ fetch: servers.untrusting }))
    expect(error).toMatchObject({ code: "TRANSPORT_FAILED", details: { cause: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" } })
    expect(servers.arrived).toEqual([])
    expectClean(error)
  })

  test("when the transport quotes all that it was given", async () => {
    const quoting: Transport = async (target, init) => {
      const cause = Object.assign(new Error(`invalid: ${init.headers}`), { code: `X${secret}`, init })
      throw new TypeError(`fetch failed: ${target} ${inspect(init)}`, { cause })
    }
    const error = await rejection(withKey({ fetch: quoting }))
    expect(error).toMatchObject({ code: "TRANSPORT_FAILED", details: { cause: "UNKNOWN" } })
    expect(error).not.toHaveProperty("cause")
    expectClean(error)
  })

  test("when the answer's body quotes it in its error", async () => {
    const quoting: Transport = async (_target, init) =>
      new Response(
        new ReadableStream({
          pull: () => Promise.reject(new Error(inspect(init))),
        }),
      )
    const error = await rejection((await withKey({ fetch: quoting })).text())
    expect(error).toMatchObject({ code: "TRANSPORT_FAILED" })
    expectClean(error)
  })

  test("when release fails in a way of its own", async () => {
    const release = () => Promise.reject(new Error(secret, { cause: secret }))
    const error = await rejection(withKey({ release }))
    expect(error).toMatchObject({ code: "RELEASE_REFUSED", details: { cause: "UNKNOWN" } })
    expectClean(error)
  })

  test("when the value has no UTF-8", async () => {
    const error = await rejection(withKey({ release: releasing({ API_KEY: `${secret}\ud800` }).release }))
    expect(error).toMatchObject({ code: "VALUE_UNUSABLE" })
    expectClean(error)
  })

  test("nor does the answer, when it is looked at", async () => {
    handler = (request, response) => void response.end(request.headers["x-key"])
    const response = await withKey()
    const text = await response.clone().text()
    expect(inspect(response, { depth: 20, showHidden: true }) + text).not.toContain("s3cr3t")
    expect(inspect(guarded(), { depth: 20, showHidden: true })).not.toContain("s3cr3t")
  })
})

describe("an abort", () => {
  test("before the start sends nothing and asks for nothing", async () => {
    const { release, asked } = releasing()
    const { fetch, placeholder } = guarded({ release })
    const reason = new Error("no longer wanted")
    const init = { headers: { "x-key": placeholder("API_KEY") }, signal: AbortSignal.abort(reason) }
    await expect(fetch(url(), init)).rejects.toBe(reason)
    expect([asked, servers.arrived]).toEqual([[], []])
  })

  test("during the decision sends nothing", async () => {
    const controller = new AbortController()
    let sent = 0
    const { fetch, placeholder } = guarded({
      fetch: (target, init) => {
        sent++
        return servers.transport(target, init)
      },
      release: async (request) => {
        controller.abort()
        return releasing().release(request)
      },
    })
    const init = { headers: { "x-key": placeholder("API_KEY") }, signal: controller.signal }
    await expect(fetch(url(), init)).rejects.toMatchObject({ name: "AbortError" })
    expect(sent).toBe(0)
  })

  test("while the server is silent ends the wait, and the server sees it", async () => {
    const controller = new AbortController()
    const closed = new Promise<void>((resolve) => {
      handler = (_request, response) => {
        response.on("close", resolve)
        controller.abort(new Error("enough"))
      }
    })
    await expect(guarded().fetch(url(), { signal: controller.signal })).rejects.toThrow("enough")
    await closed
  })

  test("in the middle of a body ends it", async () => {
    const controller = new AbortController()
    handler = (_request, response) => void response.write("first")
    const response = await guarded().fetch(url(), { signal: controller.signal })
    const reader = response.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("first")
    controller.abort(new Error("enough"))
    await expect(reader?.read()).rejects.toThrow("enough")
  })

  test("by giving up the body closes the connection", async () => {
    const closed = new Promise<void>((resolve) => {
      handler = (_request, response) => {
        response.on("close", resolve)
        response.write("first")
      }
    })
    const response = await guarded().fetch(url())
    await response.body?.cancel()
    await closed
  })
})

describe("streams stay streams", () => {
  test("the first chunk of an answer is there before the server has the second", async () => {
    let more: () => void = () => {}
    handler = (_request, response) => {
      response.write(`first ${secret.slice(0, 5)}`)
      more = () => void response.end("second")
    }
    const { fetch, placeholder } = guarded()
    const response = await fetch(url(), { headers: { "x-key": placeholder("API_KEY") } })
    const reader = response.body?.getReader()
    // The beginning of the value is held back, as it may go on.
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("first ")
    more()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(`${secret.slice(0, 5)}second`)
    expect((await reader?.read())?.done).toBe(true)
  })

  test("a beginning of the value at the end of an answer is no part of it, and is there", async () => {
    handler = (request, response) => void response.end(String(request.headers["x-key"]).slice(0, 7))
    const { fetch, placeholder } = guarded()
    const response = await fetch(url(), { headers: { "x-key": placeholder("API_KEY") } })
    expect(await response.text()).toBe(secret.slice(0, 7))
  })

  test("a slow body, byte by byte", async () => {
    handler = async (request, response) => {
      for (const letter of `<${request.headers["x-key"]}>`) {
        response.write(letter)
        await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    }
    const { fetch, placeholder } = guarded()
    const p = placeholder("API_KEY")
    const response = await fetch(url(), { headers: { "x-key": p } })
    expect(await response.text()).toBe(`<${p}>`)
  })

  test("the first chunk of a request is there before the second is made", async () => {
    const { promise: first, resolve: arrive } = Promise.withResolvers<string>()
    handler = (_request, response) => void response.end()
    const seen: Transport = async (target, init) => {
      if (!(init.body instanceof ReadableStream)) throw new Error("not a stream")
      const spy = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          arrive(Buffer.from(chunk).toString())
          controller.enqueue(chunk)
        },
      })
      return servers.transport(target, { ...init, body: init.body.pipeThrough(spy) })
    }
    const { fetch, placeholder } = guarded({ fetch: seen, substitute: { body: true } })
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from(`a ${placeholder("API_KEY")} b`))
        expect(await first).toBe(`a ${secret} b`)
        controller.enqueue(Buffer.from(" c"))
        controller.close()
      },
    })
    await fetch(url(), { method: "POST", body })
    expect(servers.arrived[0]?.body).toBe(`a ${secret} b c`)
  })

  test("a secret that a stream first names after the answer has begun is refused", async () => {
    const { asked, release } = releasing()
    let upload: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        upload = controller
        controller.enqueue(Buffer.from("first"))
      },
    })
    const transport: Transport = async (_target, init) => {
      if (!(init.body instanceof ReadableStream)) throw new Error("not a stream")
      const reader = init.body.getReader()
      await reader.read()
      late = reader.read()
      return new Response("early")
    }
    let late: Promise<unknown> = Promise.resolve()
    const { fetch, placeholder } = guarded({ fetch: transport, release, substitute: { body: true } })
    const response = await fetch(url(), { method: "POST", body })
    upload?.enqueue(Buffer.from(`then ${placeholder("API_KEY")}`))
    expect(await response.text()).toBe("early")
    await expect(late).rejects.toMatchObject({ code: "RELEASE_REFUSED" })
    expect(asked).toEqual([])
  })

  test("so is one whose decision came too late for the answer to be masked", async () => {
    const decision = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    let late: Promise<unknown> = Promise.resolve()
    const { fetch, placeholder } = guarded({
      substitute: { body: true },
      release: async (request) => {
        asked.resolve()
        await decision.promise
        return releasing().release(request)
      },
      fetch: async (_target, init) => {
        if (!(init.body instanceof ReadableStream)) throw new Error("not a stream")
        late = init.body.getReader().read()
        await asked.promise
        return new Response("early")
      },
    })
    const body = new Blob([placeholder("API_KEY"), "."]).stream()
    await fetch(url(), { method: "POST", body })
    decision.resolve()
    await expect(late).rejects.toMatchObject({ code: "RELEASE_REFUSED" })
  })
})
