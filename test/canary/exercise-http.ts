import { once } from "node:events"
import { createServer, type RequestListener, request } from "node:http"
import { gzipSync } from "node:zlib"
import { secretsRouter } from "@strongroom/http-express"
import express from "express"
import { type MarkerName, markedToken, marker } from "./markers.ts"
import { loggerOf, type Stage } from "./stage.ts"
import type { Traces } from "./traces.ts"

interface Call {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly returns?: readonly MarkerName[]
}

/** A server, and a client that notes the whole answer. Gives the statuses it met. */
export const withServer = async (
  listener: RequestListener,
  traces: Traces,
  use: (call: (call: Call) => Promise<void>) => Promise<void>,
): Promise<ReadonlySet<number>> => {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const statuses = new Set<number>()
  const call = ({ method, path, headers = {}, body, returns = [] }: Call): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: address.port, method, path, headers, agent: false }
      const outgoing = request(options, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("error", reject)
        incoming.on("end", () => {
          const { httpVersion, statusCode = 0, statusMessage, rawHeaders, rawTrailers } = incoming
          const head = [httpVersion, statusCode, statusMessage, ...rawHeaders, ...rawTrailers].join("\n")
          const answer = Buffer.concat([Buffer.from(`${head}\n\n`), ...chunks])
          traces.add("http", `${method} ${path} ${statusCode}`, answer, statusCode === 200 ? returns : [])
          statuses.add(statusCode)
          resolve()
        })
      })
      outgoing.on("error", reject)
      outgoing.end(body)
    })
  try {
    await use(call)
  } finally {
    server.closeAllConnections()
    server.close()
  }
  return statuses
}

const stray = marker("stray")

/** JSON texts that are malformed, or not what is asked for, around a good one. */
const badBodies = (good: string): readonly (string | Uint8Array)[] => {
  const object: unknown = JSON.parse(good)
  if (typeof object !== "object" || object === null) throw new Error("no object")
  const wrongValues = [stray.repeat(2_500), [stray], { [stray]: stray }, 42, null, `${stray}\ud800`]
  return [
    stray,
    `"${stray}`,
    `{"a":${stray}}`,
    `${good.slice(0, -1)},${stray}`,
    `${good}${stray}`,
    good.slice(0, -2),
    JSON.stringify(stray),
    JSON.stringify([stray]),
    Buffer.concat([Buffer.from(`{"a":"${stray}`), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]),
    `{"a":"${stray}\\ud800"}`,
    `{"${stray}":"${stray}","__proto__":{"value":"${stray}"}}`,
    ...Object.keys(object).flatMap((key) => [
      ...wrongValues.map((value) => JSON.stringify({ ...object, [key]: value })),
      ...wrongValues.map((value) => JSON.stringify({ ...object, [key]: [value] })),
      ...wrongValues.map((value) => JSON.stringify({ ...object, [key]: [{ key: "KEY", value }] })),
    ]),
  ]
}

/** Both APIs, well and badly used. Gives the statuses that were met. */
export const exerciseHttp = async (
  stage: Stage,
  { revoked, reader }: { readonly revoked: string; readonly reader: string },
): Promise<ReadonlySet<number>> => {
  const { strongroom, traces, workspace, environments, vault } = stage
  const app = express()
  // As in an application that parses bodies for itself.
  app.use("/parsed", express.json({ limit: "8mb" }))
  for (const path of ["/", "/parsed"]) app.use(path, secretsRouter({ strongroom, logger: loggerOf(traces) }))

  const bearer = { authorization: `Bearer ${markedToken}` }
  const json = { ...bearer, "content-type": "application/json" }
  const project = `/v1/workspace/${workspace}/project/project`
  const secretBody = (name: string) =>
    JSON.stringify({
      environments: environments.slice(0, 2),
      secrets: [{ key: name, value: marker("value"), note: marker("note"), type: "runtime", dataType: "text" }],
    })
  const vaultBody = (name: string) =>
    JSON.stringify({ env_key: name, value: marker("vaultValue"), allowed_domains: ["api.example.com"] })
  const creates = [
    { path: `${project}/secret`, body: secretBody },
    { path: `/api/public/v1/vaults/${vault}/secrets`, body: vaultBody },
  ]
  const answers = ["value", "note"] as const
  const reads: readonly Call[] = [
    { method: "GET", path: `${project}/secret`, returns: answers },
    { method: "GET", path: `${project}/secret/?environmentId=${environments[0]}&resolve=true`, returns: answers },
    { method: "GET", path: `${project}/secret/TEXT`, returns: answers },
    { method: "GET", path: `${project}/secret/TEXT?environment_id=${environments[1]}`, returns: answers },
    { method: "GET", path: `${project}/environment` },
    { method: "GET", path: "/api/public/v1/vaults" },
    { method: "GET", path: `/api/public/v1/vaults/${vault}/secrets` },
  ]
  const quoted = encodeURIComponent(stray)
  const badReads: readonly string[] = [
    `${project}/secret?environmentId=${quoted}`,
    `${project}/secret?environmentId=${environments[0]}&environmentId=${quoted}`,
    `${project}/secret?environmentId=${environments[0]}&environment_id=${quoted}`,
    `${project}/secret/ABSENT`,
    `${project}/secret/${quoted}`,
    `${project}/secret/${quoted}%E0%A4%A`,
    `${project}/secret/${quoted}%`,
    `/v1/workspace/${quoted}/project/${quoted}/secret`,
    `/v1/workspace/${workspace}/project/absent/environment`,
    `/api/public/v1/vaults/${quoted}/secrets`,
    `/api/public/v1/vaults/vlt_01HZZZZZZZZZZZZZZZZZZZZZZZ/secrets`,
  ]

  return withServer(app, traces, async (call) => {
    for (const read of reads) {
      await call({ ...read, headers: bearer })
      await call({ ...read, headers: json, path: `/parsed${read.path}` })
      await call({ ...read, method: "HEAD", headers: bearer })
      for (const authorization of [
        "",
        stray,
        `Bearer ${stray}`,
        `Bearer ${markedToken}A`,
        `Basic ${Buffer.from(`user:${stray}`).toString("base64")}`,
        `Bearer ${revoked}`,
      ]) {
        await call({ ...read, headers: { authorization }, returns: [] })
      }
    }
    for (const path of badReads) await call({ method: "GET", path, headers: bearer })
    for (const [index, { path, body }] of creates.entries()) {
      for (const mount of ["", "/parsed"]) {
        const name = `HTTP_${index}_${mount.length}`
        const post = (content: string | Uint8Array, headers: Readonly<Record<string, string>> = json) =>
          call({ method: "POST", path: mount + path, headers, body: content })
        await post(body(name))
        // It exists now.
        await post(body(name))
        await post(body(name), { ...json, authorization: `Bearer ${revoked}` })
        await post(body("NEW"), { ...json, authorization: `Bearer ${reader}` })
        if (mount === "/parsed") continue
        for (const bad of badBodies(body("NEW"))) await post(bad)
        await post(body("NEW"), { ...json, "content-type": "text/plain" })
        await post(body("NEW"), { ...json, "content-type": `application/json; charset=${stray.replaceAll("^", "")}` })
        await post(gzipSync(body("NEW")), { ...json, "content-encoding": "gzip" })
        await post(`{"a":"${stray.repeat(120_000)}"}`)
        await post(`{"a":"${stray.repeat(120_000)}"}`, { ...json, "transfer-encoding": "chunked" })
        await call({ method: "POST", path: `${path}%E0%A4%A`, headers: json, body: body("NEW") })
      }
    }
    const [secrets, vaults] = [creates[0]?.path ?? "", creates[1]?.path ?? ""]
    const send = (path: string, body: unknown) =>
      call({ method: "POST", path, headers: json, body: JSON.stringify(body) })
    const text = { value: marker("value"), type: "runtime", dataType: "text" }
    await send(secrets, {
      environments,
      secrets: [
        { key: "SAME", ...text },
        { key: "SAME", ...text },
      ],
    })
    await send(secrets, { environments, secrets: [{ key: "BROKEN", ...text, dataType: "json" }] })
    await send(secrets, { environments: environments.slice(2), secrets: [{ key: "TEXT", ...text, type: "build" }] })
    await send(secrets, { environments: [environments[0], environments[0]], secrets: [{ key: "NEW", ...text }] })
    await send(vaults, { env_key: "NEW", value: marker("vaultValue"), allowed_domains: [stray, `${stray}.com`] })
    await send(vaults, { env_key: "NEW", value: marker("vaultValue"), allowed_domains: [`*.${stray}`] })

    const input = { envKey: "GOING", value: marker("vaultValue") }
    const { id } = await strongroom.vaults.secrets.create(stage.owner, vault, input)
    const path = `${vaults}/${id}`
    const change = JSON.stringify({ value: `${marker("vaultValue")} again`, allowed_domains: ["api.example.com"] })
    for (const body of [change, change, "{}", ...badBodies(change)]) {
      await call({ method: "PATCH", path, headers: json, body })
    }
    for (const token of [revoked, reader]) {
      const headers = { ...json, authorization: `Bearer ${token}` }
      await call({ method: "PATCH", path, headers, body: change })
      await call({ method: "DELETE", path, headers })
    }
    await call({ method: "DELETE", path: `${vaults}/${quoted}`, headers: bearer })
    await call({ method: "DELETE", path, headers: bearer })
    await call({ method: "DELETE", path, headers: bearer })
  })
}

/** Every endpoint while the engine below fails. */
export const exerciseFailingHttp = ({ strongroom, traces, workspace, environments, vault }: Stage) => {
  const app = express()
  app.use(secretsRouter({ strongroom, logger: loggerOf(traces) }))
  const headers = { authorization: `Bearer ${markedToken}`, "content-type": "application/json" }
  const project = `/v1/workspace/${workspace}/project/project`
  const secret = { key: "FAIL", value: marker("value"), note: marker("note"), type: "runtime", dataType: "text" }
  const bodies = {
    [`${project}/secret`]: { environments, secrets: [secret] },
    [`/api/public/v1/vaults/${vault}/secrets`]: { env_key: "FAIL", value: marker("vaultValue") },
  }
  return withServer(app, traces, async (call) => {
    for (const path of [
      `${project}/secret`,
      `${project}/secret/TEXT`,
      `${project}/environment`,
      "/api/public/v1/vaults",
    ]) {
      await call({ method: "GET", path, headers, returns: ["value", "note"] })
    }
    for (const [path, body] of Object.entries(bodies)) {
      await call({ method: "POST", path, headers, body: JSON.stringify(body) })
    }
  })
}
