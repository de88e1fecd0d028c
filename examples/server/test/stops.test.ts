import { once } from "node:events"
import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { setTimeout } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { makeTree, newToken, run, start, type Tree } from "./support/server.ts"

let tree: Tree
beforeEach(async () => {
  tree = await makeTree()
})
afterEach(() => tree.remove())

const until = async (socket: Socket, text: string) => {
  let received = ""
  socket.on("data", (chunk) => {
    received += chunk
  })
  while (!received.includes(text)) await once(socket, "data")
  return () => received
}

/** A create request whose headers are read and whose body is still to come. */
const halfRequest = async (server: Awaited<ReturnType<typeof start>>, token: string) => {
  const { workspace, project, environments } = server
  const body = JSON.stringify({
    environments: [environments[0]?.id],
    secrets: [{ key: "IN_FLIGHT", value: "v", type: "runtime", dataType: "text" }],
  })
  const socket = connect(Number(new URL(server.base).port), "127.0.0.1")
  socket.on("error", () => {})
  socket.write(
    [
      `POST /v1/workspace/${workspace}/project/${project}/secret HTTP/1.1`,
      "Host: localhost",
      `Authorization: Bearer ${token}`,
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Expect: 100-continue",
      "\r\n",
    ].join("\r\n"),
  )
  const received = await until(socket, "100 Continue")
  return { socket, body, received }
}

const stopsListening = async (base: string) => {
  const isOpen = () =>
    fetch(`${base}/healthz`).then(
      () => true,
      () => false,
    )
  while (await isOpen()) await setTimeout(10)
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("lets a request in flight come to its end, then exits with 0", async () => {
    const token = newToken()
    const server = await start(tree, { STRONGROOM_DEMO_TOKEN: token })
    const { socket, body, received } = await halfRequest(server, token)
    server.child.kill(signal)
    await stopsListening(server.base)
    expect(server.child.exitCode).toBeNull()
    socket.write(body)
    await once(socket, "close")
    expect(received()).toMatch(/HTTP\/1\.1 200 OK[\s\S]*\{"success":true\}$/)
    expect(await server.ended).toBe(0)

    const again = await start(tree)
    const path = `/v1/workspace/${again.workspace}/project/${again.project}/secret/IN_FLIGHT`
    const read = await fetch(again.base + path, { headers: { authorization: `Bearer ${token}` } })
    expect(read.status).toBe(200)
    await again.stop()
  })

  test("twice, as npm and the terminal send it, changes nothing", async () => {
    const token = newToken()
    const server = await start(tree, { STRONGROOM_DEMO_TOKEN: token })
    const { socket, body, received } = await halfRequest(server, token)
    server.child.kill(signal)
    await stopsListening(server.base)
    server.child.kill(signal)
    socket.write(body)
    await once(socket, "close")
    expect(received()).toContain("200 OK")
    expect(await server.ended).toBe(0)
  })
})

test("during the start, a signal is obeyed when the start is complete", async () => {
  const { child, ended, output } = run(tree)
  while (!existsSync(tree.kept)) await setTimeout(1)
  child.kill("SIGTERM")
  expect(await ended).toBe(0)
  expect(output.err).toBe("")
  const server = await start(tree)
  expect(server.environments).toHaveLength(3)
  await server.stop()
})

test("a connection that is idle does not hold it up", async () => {
  const server = await start(tree)
  const socket = connect(Number(new URL(server.base).port), "127.0.0.1")
  socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
  await until(socket, '"ok"')
  expect(await server.stop()).toBe(0)
})

test("a request that never ends is cut off, and the exit is 0 all the same", async () => {
  const token = newToken()
  const server = await start(tree, { STRONGROOM_DEMO_TOKEN: token })
  const { socket, received } = await halfRequest(server, token)
  expect(await server.stop()).toBe(0)
  expect(received()).not.toContain("200 OK")
  socket.destroy()
})
